"""Connect to Elasticsearch by its official client, and put its errors into sentences."""

import re
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import quote

from elastic_transport import ConnectionError as NoConnection
from elastic_transport import ConnectionTimeout, SerializationError, TlsError, Transport, TransportApiResponse
from elasticsearch import ApiError, Elasticsearch, NotFoundError, UnsupportedProductError

from slowtask.errors import ElasticsearchError
from slowtask.store.elastic.access import Access
from slowtask.units import printable

MIN_VERSION: Final = (8, 19)
REQUEST_TIMEOUT: Final = 60.0  #: seconds; a ranking over a year takes a while
COMPATIBLE_WITH: Final = re.compile("compatible-with=[0-9]+")
UNAVAILABLE: Final = 503  #: while a node or a shard starts: that of a new index, after each rollover
PAUSES: Final = (0.1, 0.2, 0.4, 0.8, 1.5, 3.0)  #: seconds before the next try
#: The error of a server that is older than the client, which names its version in each request.
MEDIA_TYPE: Final = "media_type_header_exception"


class Version8Transport(Transport):
    """Sends requests as version 8, which Elasticsearch 8 and 9 understand, whatever the client's version.

    It waits a few seconds for a shard that is starting: no search can be answered until then.
    """

    def perform_request(self, method: str, target: str, **others: Any) -> TransportApiResponse:
        """Send a request as `Transport` does, with other headers, and again while a shard isn't available."""
        headers: Mapping[str, str] = others.pop("headers", None) or {}
        spoken = {name: COMPATIBLE_WITH.sub("compatible-with=8", value) for name, value in headers.items()}
        for pause in PAUSES:
            answer = super().perform_request(method, target, headers=spoken, **others)
            if answer.meta.status != UNAVAILABLE:
                return answer
            time.sleep(pause)
        return super().perform_request(method, target, headers=spoken, **others)


def connect(access: Access) -> Elasticsearch:
    """Make a client for the server at *access*. It connects when it is first used."""
    login: dict[str, Any] = {}
    if access.api_key:
        login["api_key"] = access.api_key
    elif access.username:
        login["basic_auth"] = (access.username, access.password or "")
    with translate_errors(access):
        if access.ca_file and access.url.startswith("https:"):  # the client refuses it for http
            login["ssl_context"] = ssl.create_default_context(cafile=access.ca_file)
        return Elasticsearch(
            access.url,
            transport_class=Version8Transport,
            request_timeout=REQUEST_TIMEOUT,
            max_retries=1,
            retry_on_timeout=False,
            **login,
        )


def check_version(client: Elasticsearch, access: Access) -> str:
    """Return the server's version. Raises `ElasticsearchError` if slowtask can't work with it."""
    with translate_errors(access):
        answer = client.info().body
    try:
        version = str(answer["version"]["number"])
        known = tuple(int(part) for part in version.split(".")[:2])
    except (KeyError, TypeError, ValueError):
        raise make_foreign_error(access) from None
    if known < MIN_VERSION:
        raise make_too_old_error(access, version)
    return version


def find_indices(client: Elasticsearch, *names: str) -> dict[str, Any]:
    """Find the data streams, indices and aliases that match *names*, which may hold `*`.

    The client's own call is a POST since 9.5, which older servers don't accept.
    """
    target = f"/_resolve/index/{quote(','.join(names), safe=',*')}?ignore_unavailable=true"
    found: dict[str, Any] = client.perform_request("GET", target, headers={"accept": "application/json"}).body
    return found


def make_too_old_error(access: Access, version: str) -> ElasticsearchError:
    """The error for a server whose *version* is too old."""
    minimum = ".".join(map(str, MIN_VERSION))
    return ElasticsearchError(
        f"{access.host} is Elasticsearch {printable(version)}: slowtask needs {minimum} or newer."
    )


@contextmanager
def translate_errors(access: Access) -> Iterator[None]:
    """Turn the client's exceptions into an `ElasticsearchError`: one line with the cause and what to do."""
    try:
        yield
    except (ApiError, UnsupportedProductError) as error:
        raise explain_refusal(error, access) from None
    except (NoConnection, ConnectionTimeout, TlsError, ssl.SSLError, OSError) as error:
        raise explain_no_answer(error, access) from None
    except SerializationError:
        raise make_foreign_error(access) from None


def make_foreign_error(access: Access) -> ElasticsearchError:
    """The error for a server that is another, or that a proxy answers for."""
    return ElasticsearchError(
        f"{access.host} doesn't answer as Elasticsearch does: check the address, and any proxy before it."
    )


def explain_no_answer(error: Exception, access: Access) -> ElasticsearchError:
    """The error for a server that didn't answer."""
    text = innermost_message(str(error))
    if "certificate verify failed" in text:
        return ElasticsearchError(
            f"The certificate of {access.host} isn't trusted: set SLOWTASK_ELASTICSEARCH_CA_FILE to the PEM"
            " file of the authority that signed it."
        )
    if isinstance(error, ConnectionTimeout):
        return ElasticsearchError(
            f"{access.host} didn't answer within {REQUEST_TIMEOUT:.0f} s: it may be overloaded. Rank a"
            " shorter time with --since."
        )
    if isinstance(error, TlsError | ssl.SSLError):
        return ElasticsearchError(
            f"{access.host} doesn't speak TLS as expected ({text}):"
            " does its address begin with http:// or https://?"
        )
    if "BadStatusLine" in str(error):
        return make_foreign_error(access)
    if "RemoteDisconnected" in str(error) and access.url.startswith("http:"):
        return ElasticsearchError(f"{access.host} closed the connection: it may want https://, not http://.")
    return ElasticsearchError(f"{access.host} can't be reached ({text}): is Elasticsearch running there?")


def innermost_message(text: str) -> str:
    """The message of the operating system or of TLS, without the exceptions around it."""
    found = re.findall(r"\[[^]]*\] ([^'\")]+)", text)
    return shorten(found[-1] if found else text)


def explain_refusal(error: ApiError | UnsupportedProductError, access: Access) -> ElasticsearchError:
    """The error for a request that the server refused."""
    if isinstance(error, UnsupportedProductError):
        return ElasticsearchError(
            f"{access.host} isn't Elasticsearch, or is older than 7.14: slowtask needs Elasticsearch"
            f" {MIN_VERSION[0]}.{MIN_VERSION[1]} or newer, not OpenSearch."
        )
    kind, reason = root_cause(error)
    if kind == MEDIA_TYPE:
        return make_too_old_error(access, "7 or older")
    if kind == "cluster_block_exception" and error.status_code != UNAVAILABLE:
        return ElasticsearchError(f"{access.host} refuses to write ({reason}): {WATERMARK}")
    if sentence := STATUSES.get(error.status_code):
        return ElasticsearchError(f"{access.host} {sentence.format(reason=reason)}")
    if not reason:
        return ElasticsearchError(
            f"{access.host} answered {error.status_code} and no reason: check the address, and any proxy"
            " before it."
        )
    return ElasticsearchError(f"{access.host} answered {error.status_code}: {reason}.")


#: What an HTTP status means, and what to do.
STATUSES: Final = {
    401: "refuses the name, password or API key: check SLOWTASK_ELASTICSEARCH_USERNAME, _PASSWORD, _API_KEY.",
    403: "doesn't allow that to this user: {reason}. Log in as a user whose role has that privilege.",
    429: "has too much to do ({reason}): try again later, or rank a shorter time with --since.",
    UNAVAILABLE: "isn't ready: one of its nodes or shards is starting or down. Try again in a minute; if that"
    " doesn't help, look at its GET /_cluster/health.",
}
WATERMARK: Final = (
    "a disk is over its flood-stage watermark, so its indices are read-only. Free some space on it, or"
    " shorten the retention."
)


def root_cause(error: ApiError | NotFoundError) -> tuple[str, str]:
    """The type of the root cause of *error*, and its reason in one short line."""
    body: Any = error.body
    found = body.get("error", {}) if isinstance(body, dict) else {}
    if isinstance(found, dict):
        roots = found.get("root_cause") or [found]
        kind, reason = roots[0].get("type", ""), roots[0].get("reason") or found.get("reason") or ""
        return str(kind), shorten(str(reason))
    return "", shorten(str(found or body))


def shorten(text: str) -> str:
    """*text* of a server in one line of at most 300 characters, safe to print."""
    return printable(" ".join(text.split()))[:300].rstrip(".")
