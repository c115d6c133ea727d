"""SEE: hands the dashboards to a Kibana, by its own import, and says what it made of them.

Kibana answers an import with 200 also when it took only some of the objects, so the body decides.
"""

import json
import ssl
from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from secrets import token_hex
from typing import Any, Final
from urllib.error import HTTPError, URLError
from urllib.parse import quote, unquote, urlsplit
from urllib.request import HTTPRedirectHandler, HTTPSHandler, Request, build_opener

from slowtask.errors import KibanaError, UsageError
from slowtask.units import printable

PATIENCE: Final = 60.0  #: seconds for one answer
#: Where the wheel has the dashboards, and where they lie in the repository.
BUNDLES: Final = (
    Path(__file__).parent / "dashboards.ndjson",
    Path(__file__).parent.parent.parent / "kibana" / "slowtask.ndjson",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kibana:
    """Where a Kibana is, and how to log in. An API key wins over a name and password."""

    url: str  #: with a space's path, if it isn't the default one: `https://host:5601/s/ops`
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    api_key: str | None = field(default=None, repr=False)  #: as Elasticsearch gives it: `encoded`
    ca_file: str | None = None  #: the certificate to trust, besides the system's


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What an import did, as `type id`."""

    new: tuple[str, ...]
    replaced: tuple[str, ...]


def bundle() -> bytes:
    """Our dashboards and what they need, as NDJSON."""
    return next(each for each in BUNDLES if each.exists()).read_bytes()


def import_objects(kibana: Kibana, ndjson: bytes) -> Imported:
    """Import the saved objects of *ndjson*, in place of those with the same ids. Raises `KibanaError`.

    Objects that Kibana took before it refused one stay; a second import replaces them.
    """
    check_ready(kibana)
    boundary = token_hex(16)
    body = _form(ndjson, boundary)
    kind = f"multipart/form-data; boundary={boundary}"
    answer = ask(kibana, "POST", "/api/saved_objects/_import?overwrite=true", body, kind)
    if answer.get("success") is not True:
        raise _error(_refusals(kibana, answer))
    results = answer.get("successResults", [])
    return Imported(
        new=_names(each for each in results if not each.get("overwrite")),
        replaced=_names(each for each in results if each.get("overwrite")),
    )


def check_ready(kibana: Kibana) -> str | None:
    """Raise `KibanaError` unless a Kibana is there and available; its version, if it tells us."""
    answer = ask(kibana, "GET", "/api/status")
    try:
        level = answer["status"]["overall"]["level"]
    except (KeyError, TypeError):
        raise _error(_stranger(kibana)) from None
    if level not in {"available", "degraded"}:
        raise _error(_unready(kibana, f"its status is {level}"))
    return answer["version"]["number"] if "version" in answer else None


def read_back(kibana: Kibana, dashboard: str) -> dict[str, Any]:
    """A dashboard as the dashboards API of Kibana 9.4 and later reads it. Raises `KibanaError`."""
    return ask(kibana, "GET", f"/api/dashboards/{quote(dashboard, safe='')}")


def ask(
    kibana: Kibana, method: str, path: str, body: bytes | None = None, kind: str | None = None
) -> dict[str, Any]:
    """The JSON object that Kibana answers. Raises `KibanaError`, and `UsageError` for what is no address."""
    request = _request(kibana, method, path, body, kind)
    try:
        with _opener(kibana).open(request, timeout=PATIENCE) as answer:
            text = answer.read()
    except HTTPError as error:
        raise _error(_denial(kibana, error)) from None
    except (OSError, HTTPException) as error:
        raise _error(_absence(kibana, error)) from None
    return _object(kibana, text)


def _request(kibana: Kibana, method: str, path: str, body: bytes | None, kind: str | None) -> Request:
    """The request, with who asks."""
    request = Request(address(kibana.url) + path, body, method=method)  # noqa: S310 - `address` checks it
    request.add_header("kbn-xsrf", "slowtask")
    if kind:
        request.add_header("Content-Type", kind)
    username, password = credentials(kibana)
    if kibana.api_key:
        request.add_header("Authorization", f"ApiKey {kibana.api_key}")
    elif username:
        pair = b64encode(f"{username}:{password or ''}".encode())
        request.add_header("Authorization", f"Basic {pair.decode()}")
    return request


def credentials(kibana: Kibana) -> tuple[str | None, str | None]:
    """Name and password; those in the address, percent-encoded, where there are no others."""
    if kibana.username:
        return kibana.username, kibana.password
    parts = urlsplit(kibana.url)
    return parts.username and unquote(parts.username), parts.password and unquote(parts.password)


def address(url: str) -> str:
    """*url* without a name, a password and a slash at its end. Raises `UsageError`."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise UsageError(f"{url} is no address of a Kibana: write http://HOST:5601 or https://HOST:5601")
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"


class _Stay(HTTPRedirectHandler):
    """Follows no redirect: the second request would be without its body, and with our password."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def _opener(kibana: Kibana) -> Any:
    """What opens requests: TLS with the certificate to trust."""
    try:
        context = ssl.create_default_context()
        if kibana.ca_file:
            context.load_verify_locations(kibana.ca_file)
    except OSError as error:
        raise UsageError(
            f"{kibana.ca_file} holds no certificate to trust: {error.strerror or error}"
        ) from None
    return build_opener(HTTPSHandler(context=context), _Stay)


def _form(ndjson: bytes, boundary: str) -> bytes:
    """A form with one file. Kibana goes by the name's ending."""
    head = (
        f"--{boundary}\r\n"
        'Content-Disposition: form-data; name="file"; filename="slowtask.ndjson"\r\n'
        "Content-Type: application/ndjson\r\n\r\n"
    )
    return head.encode() + ndjson + f"\r\n--{boundary}--\r\n".encode()


def _object(kibana: Kibana, text: bytes) -> dict[str, Any]:
    """The JSON object of an answer."""
    try:
        answer = json.loads(text)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise _error(_stranger(kibana))
    return answer


def _names(results: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple(f"{each['type']} {each['id']}" for each in results)


# What went wrong, for a person


def _error(said: str) -> KibanaError:
    """One line, whatever the other side put into it."""
    return KibanaError(printable(said))


def _absence(kibana: Kibana, error: Exception) -> str:
    """Nothing that could be understood came back."""
    reason = error.reason if isinstance(error, URLError) else error
    where = address(kibana.url)
    if isinstance(reason, ssl.SSLCertVerificationError):
        return f"the certificate of {where} isn't trusted ({reason.verify_message}): name its CA's file"
    if isinstance(reason, TimeoutError):
        return f"Kibana at {where} didn't answer in {PATIENCE:.0f} s: try again when it is less busy"
    if isinstance(reason, ssl.SSLError):
        return f"{where} doesn't speak TLS ({reason.reason}): is its address http://…?"
    said = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
    return f"no Kibana answers at {where} ({said}): start it, or correct the address"


def _denial(kibana: Kibana, error: HTTPError) -> str:
    """An answer that is an error."""
    where = address(kibana.url)
    who = "the API key" if kibana.api_key else credentials(kibana)[0] or "anybody without a name"
    match error.code:
        case HTTPStatus.UNAUTHORIZED:
            return f"Kibana at {where} doesn't let {who} in: check the name and password, or the API key"
        case HTTPStatus.FORBIDDEN:
            return (
                f"Kibana at {where} doesn't allow that to {who}: log in as one who may manage saved objects"
            )
        case HTTPStatus.SERVICE_UNAVAILABLE:
            return _unready(kibana, "it is starting, or its Elasticsearch doesn't answer")
        case code if code in range(300, 400):
            return f"{where} sends us on to {error.headers.get('Location')}: give that address"
        case HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return f"Kibana at {where}, or a proxy before it, takes no file of this size: raise its limit"
    said = _said(error)
    return f"Kibana at {where} answered {error.code}: {said}" if said else _stranger(kibana)


def _said(error: HTTPError) -> str | None:
    """The message of an error of Kibana's own; None if somebody else sent it."""
    try:
        body = json.loads(error.read())
    except (ValueError, OSError):
        return None
    kibanas = isinstance(body, dict) and {"statusCode", "error"} <= body.keys()
    return (
        str(body.get("message") or body["error"]) if kibanas and error.code != HTTPStatus.NOT_FOUND else None
    )


def _stranger(kibana: Kibana) -> str:
    return f"what answers at {address(kibana.url)} is no Kibana: correct the address (usually port 5601)"


def _unready(kibana: Kibana, why: str) -> str:
    return f"Kibana at {address(kibana.url)} isn't available yet ({why}): try again in a minute"


def _refusals(kibana: Kibana, answer: Mapping[str, Any]) -> str:
    """The first object that was refused, with the reason, and how many there were."""
    errors = answer.get("errors") or [
        {"type": "file", "id": "slowtask.ndjson", "error": {"type": "no reason"}}
    ]
    first, more = errors[0], len(errors) - 1
    others = f" (and {more} more)" if more else ""
    return (
        f"Kibana at {address(kibana.url)} refused {first['type']} {first['id']}{others}: "
        f"{_reason(first['error'])}; {answer.get('successCount', 0)} objects were imported"
    )


def _reason(error: Mapping[str, Any]) -> str:
    """Why one object was refused, and what to do about it."""
    match error.get("type"):
        case "missing_references":
            names = ", ".join(f"{each['type']} {each['id']}" for each in error.get("references", []))
            return f"it needs {names}, which isn't there: import the whole bundle"
        case "unsupported_type":
            return "this Kibana knows no such type: slowtask's dashboards need 8.19 or newer"
        case "conflict" | "ambiguous_conflict":
            return "an object in another space has its place: delete that one, or import into its space"
        case kind:
            return f"{error.get('message') or kind}; is it 8.19 or newer?"
