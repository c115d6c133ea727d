"""SEE: hands the dashboards to a Kibana, by its own import, and says what it made of them.

Kibana answers an import with 200 also when it took only some of the objects, so the body decides.
"""

import json
import ssl
from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException
from secrets import token_hex
from typing import Any, Final
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import HTTPRedirectHandler, HTTPSHandler, Request, build_opener

from slowtask.errors import KibanaError, UsageError
from slowtask.shipped import shipped_path
from slowtask.store.elastic.access import PREFIX, Access
from slowtask.units import printable

PATIENCE: Final = 60.0  #: seconds for one answer
BUNDLE: Final = "kibana/slowtask.ndjson"


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What an import did, as `type id`."""

    new: tuple[str, ...]
    replaced: tuple[str, ...]


def bundle() -> bytes:
    """Our dashboards and what they need, as NDJSON."""
    return shipped_path(BUNDLE).read_bytes()


def import_objects(access: Access, ndjson: bytes) -> Imported:
    """Import the saved objects of *ndjson*, in place of those with the same ids. Raises `KibanaError`.

    Objects that Kibana took before it refused one stay; a second import replaces them.
    """
    check_ready(access)
    boundary = token_hex(16)
    body = _form(ndjson, boundary)
    kind = f"multipart/form-data; boundary={boundary}"
    answer = ask(access, "POST", "/api/saved_objects/_import?overwrite=true", body, kind)
    if answer.get("success") is not True:
        raise _error(_refusals(access, answer))
    results = answer.get("successResults", [])
    return Imported(
        new=_names(each for each in results if not each.get("overwrite")),
        replaced=_names(each for each in results if each.get("overwrite")),
    )


def check_ready(access: Access) -> str | None:
    """Raise `KibanaError` unless a Kibana is there and available; its version, if it tells us."""
    answer = ask(access, "GET", "/api/status")
    try:
        level = answer["status"]["overall"]["level"]
    except (KeyError, TypeError):
        raise _error(_stranger(access)) from None
    if level not in {"available", "degraded"}:
        raise _error(_unready(access, f"its status is {level}"))
    return answer["version"]["number"] if "version" in answer else None


def read_back(access: Access, dashboard: str) -> dict[str, Any]:
    """A dashboard as the dashboards API of Kibana 9.4 and later reads it. Raises `KibanaError`."""
    return ask(access, "GET", f"/api/dashboards/{quote(dashboard, safe='')}")


def ask(
    access: Access, method: str, path: str, body: bytes | None = None, kind: str | None = None
) -> dict[str, Any]:
    """The JSON object that Kibana answers. Raises `KibanaError`, and `UsageError` for no certificate."""
    request = _request(access, method, path, body, kind)
    try:
        with _opener(access).open(request, timeout=PATIENCE) as answer:
            text = answer.read()
    except HTTPError as error:
        raise _error(_denial(access, error)) from None
    except (OSError, HTTPException) as error:
        raise _error(_absence(access, error)) from None
    return _object(access, text)


def _request(access: Access, method: str, path: str, body: bytes | None, kind: str | None) -> Request:
    """The request, with who asks."""
    request = Request(address(access) + path, body, method=method)  # noqa: S310 - `Access` checks it
    request.add_header("kbn-xsrf", "slowtask")
    if kind:
        request.add_header("Content-Type", kind)
    if access.api_key:
        request.add_header("Authorization", f"ApiKey {access.api_key}")
    elif access.username:
        pair = b64encode(f"{access.username}:{access.password or ''}".encode())
        request.add_header("Authorization", f"Basic {pair.decode()}")
    return request


def address(access: Access) -> str:
    """The address without name and password; a space (`/s/ops`) or a base path is part of it."""
    return f"{access.url}/{access.path}" if access.path else access.url


class _Stay(HTTPRedirectHandler):
    """Follows no redirect: the second request would be without its body, and with our password."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def _opener(access: Access) -> Any:
    """What opens requests: TLS with the certificate to trust."""
    try:
        context = ssl.create_default_context()
        if access.ca_file:
            context.load_verify_locations(access.ca_file)
    except OSError as error:
        raise UsageError(
            f"{access.ca_file} holds no certificate to trust ({error.strerror or error}): name a PEM file."
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


def _object(access: Access, text: bytes) -> dict[str, Any]:
    """The JSON object of an answer."""
    try:
        answer = json.loads(text)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise _error(_stranger(access))
    return answer


def _names(results: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple(f"{each['type']} {each['id']}" for each in results)


# What went wrong, for a person


def _error(said: str) -> KibanaError:
    """One line, whatever the other side put into it."""
    return KibanaError(printable(said if said.endswith("?") else f"{said}."))


def _absence(access: Access, error: Exception) -> str:
    """Nothing that could be understood came back."""
    reason = error.reason if isinstance(error, URLError) else error
    where = address(access)
    if isinstance(reason, ssl.SSLCertVerificationError):
        return f"the certificate of {where} isn't trusted ({reason.verify_message}): set {PREFIX}CA_FILE"
    if isinstance(reason, TimeoutError):
        return f"Kibana at {where} didn't answer in {PATIENCE:.0f} s: try again when it is less busy"
    if isinstance(reason, ssl.SSLError):
        return f"{where} doesn't speak TLS ({reason.reason}): is its address http://…?"
    said = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
    return f"no Kibana answers at {where} ({said}): start it, or correct the address"


def _denial(access: Access, error: HTTPError) -> str:
    """An answer that is an error."""
    where = address(access)
    who = "the API key" if access.api_key else access.username or "anybody without a name"
    match error.code:
        case HTTPStatus.UNAUTHORIZED:
            return f"Kibana at {where} doesn't let {who} in: check the name and password, or the API key"
        case HTTPStatus.FORBIDDEN:
            return (
                f"Kibana at {where} doesn't allow that to {who}: log in as one who may manage saved objects"
            )
        case HTTPStatus.SERVICE_UNAVAILABLE:
            return _unready(access, "it is starting, or its Elasticsearch doesn't answer")
        case code if code in range(300, 400):
            return f"{where} sends us on to {error.headers.get('Location')}: give that address"
        case HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return f"Kibana at {where}, or a proxy before it, takes no file of this size: raise its limit"
    said = _said(error)
    return f"Kibana at {where} answered {error.code}: {said}" if said else _stranger(access)


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


def _stranger(access: Access) -> str:
    return f"what answers at {address(access)} is no Kibana: correct the address (usually port 5601)"


def _unready(access: Access, why: str) -> str:
    return f"Kibana at {address(access)} isn't available yet ({why}): try again in a minute"


def _refusals(access: Access, answer: Mapping[str, Any]) -> str:
    """The first object that was refused, with the reason, and how many there were."""
    errors = answer.get("errors") or [
        {"type": "file", "id": "slowtask.ndjson", "error": {"type": "no reason"}}
    ]
    first, more = errors[0], len(errors) - 1
    others = f" (and {more} more)" if more else ""
    return (
        f"Kibana at {address(access)} refused {first['type']} {first['id']}{others}: "
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
