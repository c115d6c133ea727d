"""RabbitMQ's management API: what only it knows: memory, disk, alarms, limits and rates. It is only read.

Its figures of queues lag by five seconds and more; what is asked for is named (`columns=`), page by page.
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
from slowtask.watch.broker.redis import one_line

PORT: Final = 15672
PATIENCE: Final = 10.0  #: seconds
PAGE: Final = 500  #: queues
PAGES: Final = 20
AGE: Final = 60  #: seconds that rates are of
NODE: Final = "name,running,mem_used,mem_limit,mem_alarm,disk_free,disk_free_limit,disk_free_alarm"
QUEUE: Final = (
    "name,messages_ready,messages_unacknowledged,message_bytes_ready,consumers,arguments,durable,exclusive,"
    "auto_delete,effective_policy_definition,head_message_timestamp,message_stats.publish,message_stats.ack,"
    "message_stats.publish_details.avg_rate,message_stats.ack_details.avg_rate"
)
CONNECTION: Final = "name,user,state,client_properties.connection_name"
#: By how the API begins its reason.
REFUSALS: Final = {
    "Login failed": "refuses the name or password of {user}: check both",
    "Not management user": "tells {user} nothing: give that user the tag monitoring",
    "Not monitor user": "tells {user} neither memory nor alarms: give that user the tag monitoring",
    "User not authorised to access": "lets {user} see no queues: see the rights in docs/monitor.md",
}
Number = int | float
T = TypeVar("T")


class ManagementError(Exception):
    """The management API can't be read; says why and what to do, as the end of a sentence."""


class Node(msgspec.Struct, frozen=True):
    """One node of a cluster; None where it is down or doesn't say."""

    name: str
    running: bool = True
    mem_used: Number | None = None
    mem_limit: Number | str | None = None
    mem_alarm: bool = False
    disk_free: Number | str | None = None
    disk_free_limit: Number | str | None = None
    disk_free_alarm: bool = False

    @property
    def memory(self) -> tuple[int, int] | None:
        """What is used, of how much."""
        return whole(self.mem_used, self.mem_limit)

    @property
    def disk(self) -> tuple[int, int] | None:
        """What must stay free, and what is."""
        return whole(self.disk_free_limit, self.disk_free)


def whole(one: object, other: object) -> tuple[int, int] | None:
    """Both as whole numbers; None where one is none: the API may say `NaN` or name a reason."""
    if isinstance(one, int | float) and isinstance(other, int | float):
        return int(one), int(other)
    return None


class Rate(msgspec.Struct, frozen=True):
    """Of a count."""

    avg_rate: float = 0.0


class Stats(msgspec.Struct, frozen=True):
    """Counts since the node started; an absent one is of what never was."""

    publish: int = 0
    ack: int = 0
    publish_details: Rate = Rate()
    ack_details: Rate = Rate()


class Listed(msgspec.Struct, frozen=True):
    """One queue; None until its first statistics."""

    name: str
    durable: bool = True
    exclusive: bool = False
    auto_delete: bool = False
    messages_ready: int | None = None
    messages_unacknowledged: int | None = None
    message_bytes_ready: int | None = None
    consumers: int | None = None
    head_message_timestamp: Number | None = None
    arguments: dict[str, Any] = {}
    effective_policy_definition: dict[str, Any] | list[Any] | None = None
    message_stats: Stats = Stats()

    def limit(self, name: str) -> int | None:
        """Its limit called *name* (`max-length`): the lower of what its argument and its policy say."""
        found = [self.arguments.get(f"x-{name}"), self.policy.get(name)]
        return min((each for each in found if type(each) is int), default=None)

    def setting(self, name: str) -> Any:
        """What its argument says, else its policy."""
        return self.arguments.get(f"x-{name}", self.policy.get(name))

    @property
    def policy(self) -> dict[str, Any]:
        """What a policy sets."""
        found = self.effective_policy_definition
        return found if isinstance(found, dict) else {}


class Page(msgspec.Struct, frozen=True):
    """One page of queues."""

    items: list[Listed]
    page_count: int = 1


class Raised(msgspec.Struct, frozen=True):
    """One alarm."""

    node: str
    resource: str


class Health(msgspec.Struct, frozen=True):
    """The alarms that are on."""

    alarms: list[Raised] = []


class Client(msgspec.Struct, frozen=True):
    """What a connection says of itself."""

    connection_name: str | None = None


class Connection(msgspec.Struct, frozen=True):
    """One connection."""

    name: str = ""
    user: str = ""
    state: str = ""
    client_properties: Client | list[Any] = Client()


class Connections(msgspec.Struct, frozen=True):
    """One page of connections."""

    items: list[Connection]


class Management:
    """The API at *url*, asked as *user* unless the address names another."""

    def __init__(self, url: str, user: str, password: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(f"{printable(url)!a} is no address of RabbitMQ's management: http://host:15672.")
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        port = parts.port or (443 if parts.scheme == "https" else PORT)
        self.url = f"{parts.scheme}://{host}:{port}{parts.path.rstrip('/')}"
        self.user = unquote(parts.username) if parts.username else user
        secret = unquote(parts.password or "") if parts.username else password
        self._token = b64encode(f"{self.user}:{secret}".encode()).decode()
        self._opener = build_opener(HTTPSHandler(context=ssl.create_default_context()), _Stay)

    def nodes(self) -> list[Node]:
        """The nodes. Raises `ManagementError`, as all of these."""
        return self._ask(f"/nodes?columns={NODE}", list[Node])

    def queues(self, vhost: str) -> list[Listed]:
        """The queues of *vhost*, with rates of the last minute."""
        found: list[Listed] = []
        path = f"/queues/{quote(vhost, safe='')}?columns={QUEUE}&msg_rates_age={AGE}&msg_rates_incr=5"
        for number in range(1, PAGES + 1):
            page = self._ask(f"{path}&pagination=true&page_size={PAGE}&page={number}", Page)
            found += page.items
            if number >= page.page_count:
                break
        return found

    def alarms(self) -> list[Raised]:
        """The alarms that are on at this moment."""
        return self._ask("/health/checks/alarms", Health, lenient=True).alarms

    def blocked(self, most: int = 500) -> list[Connection]:
        """The connections that have tried to publish and may not; all others are `blocking` meanwhile."""
        path = f"/connections?columns={CONNECTION}&pagination=true&page=1&page_size={most}"
        return [each for each in self._ask(path, Connections).items if each.state == "blocked"]

    def _ask(self, path: str, kind: type[T], *, lenient: bool = False) -> T:
        """The answer at *path*; *lenient*: an error may be one."""
        request = Request(f"{self.url}/api{path}", headers={"Authorization": f"Basic {self._token}"})  # noqa: S310 - checked
        try:
            with self._opener.open(request, timeout=PATIENCE) as answer:
                text = answer.read()
        except HTTPError as error:
            text = error.read()
            if not lenient or error.code != HTTPStatus.SERVICE_UNAVAILABLE:
                raise ManagementError(self._refused(error.code, text)) from None
        except (OSError, HTTPException) as error:
            reason = error.reason if isinstance(error, URLError) else error
            raise ManagementError(
                f"no management plugin answers at {self.url} ({one_line(reason)}):"
                " enable rabbitmq_management, or give its address"
            ) from None
        try:
            return msgspec.json.decode(text, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise ManagementError(
                f"what answers at {self.url} isn't RabbitMQ's management: give its address"
            ) from None

    def _refused(self, code: int, text: bytes) -> str:
        """Why it wouldn't, and what to do."""
        try:
            said = str(json.loads(text)["reason"])
        except (ValueError, TypeError, KeyError):
            said = str(code)
        told = next((what for begin, what in REFUSALS.items() if said.startswith(begin)), None)
        return f"{self.url} {told or 'answers {said}: is that its address'}".format(
            user=printable(self.user), said=one_line(said)
        )


class _Stay(HTTPRedirectHandler):
    """Follows no redirect: it would take our password elsewhere."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """No other request; the answer stands as the error that it is."""
        return
