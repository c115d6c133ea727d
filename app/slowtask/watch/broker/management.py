"""Read RabbitMQ's management API: memory, disk, alarms, limits and rates, which AMQP doesn't show.

It is only read. Its figures of queues are five seconds old and more. Each request names the columns that it
needs (`columns=`), and asks page by page.
"""

import json
import ssl
from base64 import b64encode
from http import HTTPStatus
from http.client import HTTPException
from typing import Any, Final, TypeVar
from urllib.error import HTTPError, URLError
from urllib.parse import quote, unquote, urlsplit
from urllib.request import HTTPRedirectHandler, HTTPSHandler, Request, build_opener

import msgspec

from slowtask.errors import UsageError
from slowtask.units import printable
from slowtask.watch.broker.management_records import (
    CONNECTION_COLUMNS,
    NODE_COLUMNS,
    QUEUE_COLUMNS,
    AlarmCheck,
    Connection,
    ConnectionPage,
    Node,
    QueuePage,
    QueueReport,
    ResourceAlarm,
)
from slowtask.watch.broker.redis import one_line

DEFAULT_PORT: Final = 15672
REQUEST_TIMEOUT: Final = 10.0  #: seconds
QUEUES_PER_PAGE: Final = 500
MAX_PAGES: Final = 20
MAX_CONNECTIONS: Final = 500
RATE_PERIOD: Final = 60  #: seconds that rates are averaged over
MAX_ANSWER: Final = 64 << 20  #: bytes; what is longer no RabbitMQ sends
REFUSED_LOGIN: Final = "rejects the user name or password of {user}: correct them in its address"
#: By how the API begins its reason; each is the end of a sentence about the API.
REFUSAL_MESSAGES: Final = {
    "Login failed": REFUSED_LOGIN,
    "Not_Authorized": REFUSED_LOGIN,  # from RabbitMQ 4 on
    "Not management user": "doesn't let {user} read anything: give that user the tag monitoring",
    "Not monitor user": "doesn't show memory and alarms to {user}: give that user the tag monitoring",
    "User not authorised to access": "doesn't show queues to {user}: see the rights in docs/monitor.md",
}
T = TypeVar("T")


class ManagementError(Exception):
    """The management API can't be read. The message says why and what to do, without a full stop."""


class Management:
    """The management API at *url*, read as *user* unless the address names another.

    Each method that reads raises `ManagementError`.
    """

    def __init__(self, url: str, user: str, password: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(
                f"{printable(url)!a} isn't a valid address of RabbitMQ's management plugin:"
                " write http://host:15672."
            )
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        port = parts.port or (443 if parts.scheme == "https" else DEFAULT_PORT)
        self.url = f"{parts.scheme}://{host}:{port}{parts.path.rstrip('/')}"
        self.user = unquote(parts.username) if parts.username else user
        secret = unquote(parts.password or "") if parts.username else password
        self._token = b64encode(f"{self.user}:{secret}".encode()).decode()
        self._opener = build_opener(HTTPSHandler(context=ssl.create_default_context()), _NoRedirects)

    def read_nodes(self) -> list[Node]:
        """Return the nodes of the cluster."""
        return self._get(f"/nodes?columns={NODE_COLUMNS}", list[Node])

    def read_queues(self, vhost: str) -> list[QueueReport]:
        """Return the queues of *vhost*, with rates of the last minute."""
        queues: list[QueueReport] = []
        options = f"columns={QUEUE_COLUMNS}&msg_rates_age={RATE_PERIOD}&msg_rates_incr=5"
        path = f"/queues/{quote(vhost, safe='')}?{options}&pagination=true&page_size={QUEUES_PER_PAGE}"
        for number in range(1, MAX_PAGES + 1):
            page = self._get(f"{path}&page={number}", QueuePage)
            queues += page.items
            if number >= page.page_count:
                break
        return queues

    def read_alarms(self) -> list[ResourceAlarm]:
        """Return the alarms that are on at this moment."""
        return self._get("/health/checks/alarms", AlarmCheck, may_be_unavailable=True).alarms

    def read_blocked(self) -> list[Connection]:
        """Return the connections that have tried to publish and are blocked.

        Connections that haven't tried are only `blocking`.
        """
        path = f"/connections?columns={CONNECTION_COLUMNS}&pagination=true&page=1&page_size={MAX_CONNECTIONS}"
        connections = self._get(path, ConnectionPage).items
        return [connection for connection in connections if connection.state == "blocked"]

    def _get(self, path: str, kind: type[T], *, may_be_unavailable: bool = False) -> T:
        """Return the answer at *path*; with *may_be_unavailable*, status 503 is an answer too."""
        text = self._fetch(path, may_be_unavailable=may_be_unavailable)
        try:
            return msgspec.json.decode(text, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise ManagementError(
                f"what answers at {self.url} isn't RabbitMQ's management plugin: correct management_url"
            ) from None

    def _fetch(self, path: str, *, may_be_unavailable: bool) -> bytes:
        """Return the body of the answer at *path*."""
        request = Request(f"{self.url}/api{path}", headers={"Authorization": f"Basic {self._token}"})  # noqa: S310 - checked
        try:
            with self._opener.open(request, timeout=REQUEST_TIMEOUT) as answer:
                body: bytes = answer.read(MAX_ANSWER)
        except HTTPError as error:
            body = error.read(MAX_ANSWER)
            if not may_be_unavailable or error.code != HTTPStatus.SERVICE_UNAVAILABLE:
                raise ManagementError(self._refusal_message(error.code, body)) from None
        except (OSError, HTTPException) as error:
            reason = error.reason if isinstance(error, URLError) else error
            raise ManagementError(self._unreachable_message(reason)) from None
        return body

    def _unreachable_message(self, reason: object) -> str:
        """Say that nothing answers, and what to do."""
        return (
            f"RabbitMQ's management plugin doesn't answer at {self.url} ({one_line(reason)}), so memory, disk"
            " and alarms are unknown: enable rabbitmq_management, or set management_url to its address"
        )

    def _refusal_message(self, code: int, body: bytes) -> str:
        """Say why the API refused a request, and what to do."""
        try:
            reason = str(json.loads(body)["reason"])
        except (ValueError, TypeError, KeyError, RecursionError):
            reason = str(code)
        for beginning, message in REFUSAL_MESSAGES.items():
            if reason.startswith(beginning):
                return (
                    f"RabbitMQ's management plugin at {self.url} {message.format(user=printable(self.user))}"
                )
        return f"{self.url} answers {one_line(reason)}: check that it is RabbitMQ's management plugin"


class _NoRedirects(HTTPRedirectHandler):
    """Follows no redirect, which would send the password to another server."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Make no further request: the redirect is reported as the error that it is."""
        return
