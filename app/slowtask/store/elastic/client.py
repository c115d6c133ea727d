"""The official client, and what can go wrong with it, in sentences."""

import re
import ssl
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

OLDEST: Final = (8, 19)
TIMEOUT: Final = 60.0  #: seconds; a ranking over a year takes some
SPOKEN: Final = re.compile("compatible-with=[0-9]+")
#: What a server older than the client says of the version that it is spoken to in.
MEDIA_TYPE: Final = "media_type_header_exception"


class Compatible(Transport):
    """Speaks version 8, which Elasticsearch 8 and 9 both understand, whichever the client is of."""

    def perform_request(self, method: str, target: str, **others: Any) -> TransportApiResponse:
        """As `Transport` does."""
        headers: Mapping[str, str] = others.pop("headers", None) or {}
        spoken = {name: SPOKEN.sub("compatible-with=8", value) for name, value in headers.items()}
        return super().perform_request(method, target, headers=spoken, **others)


def connect(access: Access) -> Elasticsearch:
    """A client of the server at *access*. It connects when it is first used."""
    login: dict[str, Any] = {}
    if access.api_key:
        login["api_key"] = access.api_key
    elif access.username:
        login["basic_auth"] = (access.username, access.password or "")
    with said(access):
        if access.ca_file:
            login["ssl_context"] = ssl.create_default_context(cafile=access.ca_file)
        return Elasticsearch(
            access.url,
            transport_class=Compatible,
            request_timeout=TIMEOUT,
            max_retries=1,
            retry_on_timeout=False,
            **login,
        )


def check(client: Elasticsearch, access: Access) -> str:
    """The version of the server. Raises `ElasticsearchError` unless it is one that slowtask can work with."""
    with said(access):
        version = str(client.info()["version"]["number"])
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST:
        raise too_old(access, version)
    return version


def resolved(client: Elasticsearch, *names: str) -> dict[str, Any]:
    """The streams, indices and aliases that *names* name, which may hold `*`; none is no error.

    Not the client's own call: from 9.5 on that is a POST, which servers before don't take.
    """
    target = f"/_resolve/index/{quote(','.join(names), safe=',*')}?ignore_unavailable=true"
    found: dict[str, Any] = client.perform_request("GET", target, headers={"accept": "application/json"}).body
    return found


def too_old(access: Access, version: str) -> ElasticsearchError:
    """The error for a server of *version*."""
    oldest = ".".join(map(str, OLDEST))
    return ElasticsearchError(
        f"{access.host} is Elasticsearch {printable(version)}: slowtask needs {oldest} or newer."
    )


@contextmanager
def said(access: Access) -> Iterator[None]:
    """Turn what the client raises into an `ElasticsearchError`: one line with cause and next step."""
    try:
        yield
    except (ApiError, UnsupportedProductError) as error:
        raise refused(error, access) from None
    except (NoConnection, ConnectionTimeout, TlsError, ssl.SSLError, OSError) as error:
        raise unreachable(error, access) from None
    except SerializationError:
        raise ElasticsearchError(
            f"{access.host} doesn't answer as Elasticsearch does: check the address, and any proxy."
        ) from None


def unreachable(error: Exception, access: Access) -> ElasticsearchError:
    """Why nothing answered."""
    text = innermost(str(error))
    if "certificate verify failed" in text:
        return ElasticsearchError(
            f"The certificate of {access.host} isn't trusted: name its authority's PEM in"
            " SLOWTASK_ELASTICSEARCH_CA_FILE."
        )
    if isinstance(error, ConnectionTimeout):
        return ElasticsearchError(
            f"{access.host} didn't answer in {TIMEOUT:.0f} s: is it overloaded? Ask for less with --since."
        )
    if isinstance(error, TlsError | ssl.SSLError):
        return ElasticsearchError(f"{access.host} doesn't speak TLS as expected ({text}): http or https?")
    if "RemoteDisconnected" in str(error) and access.url.startswith("http:"):
        return ElasticsearchError(f"{access.host} hung up: it may want https://, not http://.")
    return ElasticsearchError(f"{access.host} can't be reached ({text}): is Elasticsearch running there?")


def innermost(text: str) -> str:
    """What the operating system or TLS said, out of the layers of exceptions around it."""
    found = re.findall(r"\[[^]]*\] ([^'\")]+)", text)
    return short(found[-1] if found else text)


def refused(error: ApiError | UnsupportedProductError, access: Access) -> ElasticsearchError:
    """Why the server wouldn't."""
    if isinstance(error, UnsupportedProductError):
        return ElasticsearchError(
            f"{access.host} isn't Elasticsearch, or one before 7.14: slowtask needs Elasticsearch itself,"
            f" {OLDEST[0]}.{OLDEST[1]} or newer, not OpenSearch."
        )
    kind, reason = cause(error)
    if kind == MEDIA_TYPE:
        return too_old(access, "7 or older")
    if kind == "cluster_block_exception":
        return ElasticsearchError(f"{access.host} refuses to write ({reason}): {WATERMARK}")
    if told := STATUSES.get(error.status_code):
        return ElasticsearchError(f"{access.host} {told.format(reason=reason)}")
    return ElasticsearchError(f"{access.host} says {error.status_code}: {reason}.")


#: What a status means, and what to do.
STATUSES: Final = {
    401: "refuses the name, password or API key: check SLOWTASK_ELASTICSEARCH_USERNAME, _PASSWORD, _API_KEY.",
    403: "doesn't allow that to this user: {reason}.",
    429: "has too much to do ({reason}): ask again, or for less.",
}
WATERMARK: Final = (
    "a disk over its flood-stage watermark makes indices read-only. Free some, or shorten the retention."
)


def cause(error: ApiError | NotFoundError) -> tuple[str, str]:
    """The type of *error* at its root, and its reason in one short line."""
    body: Any = error.body
    found = body.get("error", {}) if isinstance(body, dict) else {}
    if isinstance(found, dict):
        roots = found.get("root_cause") or [found]
        kind, reason = roots[0].get("type", ""), roots[0].get("reason") or found.get("reason") or ""
        return str(kind), short(str(reason))
    return "", short(str(found or body))


def short(text: str) -> str:
    """*text* of a server's in one line of at most 300 characters, safe to print."""
    return printable(" ".join(text.split()))[:300].rstrip(".")
