"""Import the dashboards into a Kibana, and explain what it refused.

Kibana answers an import with status 200 even if it took only some of the objects, so the body counts.
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

ANSWER_TIMEOUT: Final = 60.0  #: seconds
BUNDLE: Final = "kibana/slowtask.ndjson"


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """The objects that an import created or replaced, each as `type id`."""

    new: tuple[str, ...]
    replaced: tuple[str, ...]


def bundle() -> bytes:
    """Read slowtask's dashboards and what they need, as NDJSON."""
    return shipped_path(BUNDLE).read_bytes()


def import_objects(access: Access, ndjson: bytes) -> Imported:
    """Import the saved objects of *ndjson*; they replace those with the same ids. Raises `KibanaError`.

    Objects that were imported before Kibana refused one stay; a second import replaces them.
    """
    check_ready(access)
    boundary = token_hex(16)
    body = _encode_form(ndjson, boundary)
    kind = f"multipart/form-data; boundary={boundary}"
    answer = send(access, "POST", "/api/saved_objects/_import?overwrite=true", body, kind)
    if answer.get("success") is not True:
        raise _make_error(_explain_refusals(access, answer))
    results = answer.get("successResults", [])
    return Imported(
        new=_names(each for each in results if not each.get("overwrite")),
        replaced=_names(each for each in results if each.get("overwrite")),
    )


def check_ready(access: Access) -> str | None:
    """Return the version of a Kibana that is available, if it says. Raises `KibanaError` if it isn't."""
    answer = send(access, "GET", "/api/status")
    try:
        level = answer["status"]["overall"]["level"]
    except (KeyError, TypeError):
        raise _make_error(_explain_not_kibana(access)) from None
    if level not in {"available", "degraded"}:
        raise _make_error(_explain_not_ready(access, f"its status is {level}"))
    return answer["version"]["number"] if "version" in answer else None


def read_back(access: Access, dashboard: str) -> dict[str, Any]:
    """Read a dashboard by the API of Kibana 9.4 and later. Raises `KibanaError`."""
    return send(access, "GET", f"/api/dashboards/{quote(dashboard, safe='')}")


def send(
    access: Access, method: str, path: str, body: bytes | None = None, kind: str | None = None
) -> dict[str, Any]:
    """Send a request; return the JSON object of the answer. Raises `KibanaError` or `UsageError`."""
    request = _make_request(access, method, path, body, kind)
    try:
        with _make_opener(access).open(request, timeout=ANSWER_TIMEOUT) as answer:
            text = answer.read()
    except HTTPError as error:
        raise _make_error(_explain_status(access, error)) from None
    except (OSError, HTTPException) as error:
        raise _make_error(_explain_no_answer(access, error)) from None
    return _parse_object(access, text)


def _make_request(access: Access, method: str, path: str, body: bytes | None, kind: str | None) -> Request:
    """Make the request, with the login."""
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
    """The address without login, with its space (`/s/ops`) or base path."""
    return f"{access.url}/{access.path}" if access.path else access.url


class _NoRedirect(HTTPRedirectHandler):
    """Follows no redirect: the second request would lack the body, and carry the password elsewhere."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def _make_opener(access: Access) -> Any:
    """Make an opener for requests, which trusts the given certificate."""
    try:
        context = ssl.create_default_context()
        if access.ca_file:
            context.load_verify_locations(access.ca_file)
    except OSError as error:
        raise UsageError(
            f"{access.ca_file} holds no certificate to trust ({error.strerror or error}):"
            " give the path of a PEM file."
        ) from None
    return build_opener(HTTPSHandler(context=context), _NoRedirect)


def _encode_form(ndjson: bytes, boundary: str) -> bytes:
    """Encode a form with one file. Kibana needs its suffix."""
    head = (
        f"--{boundary}\r\n"
        'Content-Disposition: form-data; name="file"; filename="slowtask.ndjson"\r\n'
        "Content-Type: application/ndjson\r\n\r\n"
    )
    return head.encode() + ndjson + f"\r\n--{boundary}--\r\n".encode()


def _parse_object(access: Access, text: bytes) -> dict[str, Any]:
    """Parse the JSON object of an answer."""
    try:
        answer = json.loads(text)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise _make_error(_explain_not_kibana(access))
    return answer


def _names(results: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple(f"{each['type']} {each['id']}" for each in results)


# Messages for people


def _make_error(said: str) -> KibanaError:
    """An error of one line, whatever the answer held."""
    return KibanaError(printable(said if said.endswith("?") else f"{said}."))


def _explain_no_answer(access: Access, error: Exception) -> str:
    """Explain that no answer came."""
    reason = error.reason if isinstance(error, URLError) else error
    where = address(access)
    if isinstance(reason, ssl.SSLCertVerificationError):
        return (
            f"the certificate of {where} isn't trusted ({reason.verify_message}): set {PREFIX}CA_FILE to"
            " the PEM file of the authority that signed it"
        )
    if isinstance(reason, TimeoutError):
        return (
            f"Kibana at {where} didn't answer within {ANSWER_TIMEOUT:.0f} s: try again when it is less busy"
        )
    if isinstance(reason, ssl.SSLError):
        return f"{where} doesn't speak TLS ({reason.reason}): is its address http://…?"
    said = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
    return f"no Kibana answers at {where} ({said}): start it, or correct the address"


def _explain_status(access: Access, error: HTTPError) -> str:
    """Explain an answer with the status of an error."""
    where = address(access)
    who = "the API key" if access.api_key else access.username or "users without a login"
    match error.code:
        case HTTPStatus.UNAUTHORIZED:
            return f"Kibana at {where} doesn't let {who} in: check the name and password, or the API key"
        case HTTPStatus.FORBIDDEN:
            return (
                f"Kibana at {where} doesn't allow that to {who}: log in as one who may manage saved objects"
            )
        case HTTPStatus.SERVICE_UNAVAILABLE:
            return _explain_not_ready(access, "it is starting, or its Elasticsearch doesn't answer")
        case code if code in range(300, 400):
            return f"{where} redirects to {error.headers.get('Location')}: give that address"
        case HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return f"Kibana at {where}, or a proxy before it, doesn't accept so large a file: raise its limit"
    said = _read_message(error)
    return f"Kibana at {where} answered {error.code}: {said}" if said else _explain_not_kibana(access)


def _read_message(error: HTTPError) -> str | None:
    """Read the message of an error of Kibana; None if it isn't Kibana's."""
    try:
        body = json.loads(error.read())
    except (ValueError, OSError):
        return None
    kibanas = isinstance(body, dict) and {"statusCode", "error"} <= body.keys()
    return (
        str(body.get("message") or body["error"]) if kibanas and error.code != HTTPStatus.NOT_FOUND else None
    )


def _explain_not_kibana(access: Access) -> str:
    return f"what answers at {address(access)} isn't a Kibana: correct the address (its port is usually 5601)"


def _explain_not_ready(access: Access, why: str) -> str:
    return f"Kibana at {address(access)} isn't available yet ({why}): try again in a minute"


def _explain_refusals(access: Access, answer: Mapping[str, Any]) -> str:
    """Explain why the first object was refused, and count the others."""
    errors = answer.get("errors") or [
        {"type": "file", "id": "slowtask.ndjson", "error": {"type": "no reason"}}
    ]
    first, more = errors[0], len(errors) - 1
    others = f" (and {more} more)" if more else ""
    return (
        f"Kibana at {address(access)} refused {first['type']} {first['id']}{others}: "
        f"{_explain_object_error(first['error'])}; {answer.get('successCount', 0)} objects were imported"
    )


def _explain_object_error(error: Mapping[str, Any]) -> str:
    """Explain why one object was refused, and what to do."""
    match error.get("type"):
        case "missing_references":
            names = ", ".join(f"{each['type']} {each['id']}" for each in error.get("references", []))
            return f"it needs {names}, which isn't there: import the whole bundle"
        case "unsupported_type":
            return "this Kibana doesn't know that type: slowtask's dashboards need Kibana 8.19 or newer"
        case "conflict" | "ambiguous_conflict":
            return "an object with this id is in another space: delete it, or import into that space"
        case kind:
            return f"{error.get('message') or kind}; is Kibana 8.19 or newer?"
