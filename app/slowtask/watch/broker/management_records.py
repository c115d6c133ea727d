"""What RabbitMQ's management API answers, as far as it is read, and the columns to ask for."""

from typing import Any, Final

import msgspec

NODE_COLUMNS: Final = "name,running,mem_used,mem_limit,mem_alarm,disk_free,disk_free_limit,disk_free_alarm"
QUEUE_COLUMNS: Final = (
    "name,type,memory,delivery_limit,messages_ready,messages_unacknowledged,message_bytes_ready,consumers,arguments,durable,exclusive,"
    "auto_delete,effective_policy_definition,head_message_timestamp,message_stats.publish,message_stats.ack,"
    "message_stats.publish_details.avg_rate,message_stats.ack_details.avg_rate"
)
CONNECTION_COLUMNS: Final = "name,user,state,client_properties.connection_name"
Number = int | float


class Node(msgspec.Struct, frozen=True):
    """One node of a cluster. A field is None if the node is down or doesn't report it."""

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
        """The used memory and its limit, in bytes."""
        return whole_numbers(self.mem_used, self.mem_limit)

    @property
    def disk(self) -> tuple[int, int] | None:
        """The disk space that must stay free, and the free space, in bytes."""
        return whole_numbers(self.disk_free_limit, self.disk_free)


def whole_numbers(first: object, second: object) -> tuple[int, int] | None:
    """Return two values as whole numbers, or None if one isn't a number: the API may say `NaN` or why not."""
    if isinstance(first, int | float) and isinstance(second, int | float):
        return int(first), int(second)
    return None


class Rate(msgspec.Struct, frozen=True):
    """How fast a count grows."""

    avg_rate: float = 0.0  #: a second


class MessageStats(msgspec.Struct, frozen=True):
    """Counts since the node started. The API leaves out a count that is still 0."""

    publish: int = 0
    ack: int = 0
    publish_details: Rate = Rate()
    ack_details: Rate = Rate()


class QueueReport(msgspec.Struct, frozen=True):
    """What the API reports of one queue. A field is None until the queue's first statistics."""

    name: str
    type: str = "classic"  #: or `quorum`, or `stream`
    memory: int | None = None  #: bytes
    delivery_limit: Any = None  #: of a quorum queue, from RabbitMQ 4 on
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
    message_stats: MessageStats = MessageStats()

    def limit(self, name: str) -> int | None:
        """Return the queue's limit called *name* (`max-length`): the lower of its argument and its policy."""
        limits = [self.arguments.get(f"x-{name}"), self.policy.get(name)]
        return min((limit for limit in limits if type(limit) is int), default=None)

    def setting(self, name: str) -> Any:
        """Return the queue's argument called *name*, else its policy's, else None."""
        return self.arguments.get(f"x-{name}", self.policy.get(name))

    @property
    def policy(self) -> dict[str, Any]:
        """What a policy sets."""
        policy = self.effective_policy_definition
        return policy if isinstance(policy, dict) else {}


class QueuePage(msgspec.Struct, frozen=True):
    """One page of queues."""

    items: list[QueueReport]
    page_count: int = 1


class ResourceAlarm(msgspec.Struct, frozen=True):
    """One alarm."""

    node: str
    resource: str


class AlarmCheck(msgspec.Struct, frozen=True):
    """The alarms that are on."""

    alarms: list[ResourceAlarm] = []


class ClientProperties(msgspec.Struct, frozen=True):
    """What a client reports of itself."""

    connection_name: str | None = None


class Connection(msgspec.Struct, frozen=True):
    """One connection."""

    name: str = ""
    user: str = ""
    state: str = ""
    client_properties: ClientProperties | list[Any] = ClientProperties()


class ConnectionPage(msgspec.Struct, frozen=True):
    """One page of connections."""

    items: list[Connection]
