"""What a broker has only so much of: a class for each kind, which knows its figures and how to say them."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

from slowtask.units import percent, printable, size

#: The names of the kinds, in JSON and in the field `broker.limit` of samples.
Kind = Literal["memory", "machine", "disk", "length", "bytes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit(ABC):
    """Something that a broker, or one of its queues, has only so much of."""

    kind: ClassVar[Kind]
    of: str | None = None  #: the node or queue that it belongs to, where there are several
    drops: bool = False  #: at the limit the oldest jobs are dropped, instead of new ones being refused

    @property
    def name(self) -> str:
        """Which limit it is: `memory`, `length of mail`."""
        return f"{self.kind} of {self.of}" if self.of else self.kind

    @property
    def queue(self) -> str | None:
        """The queue whose own limit it is; None for one of the broker."""
        return None

    @property
    def is_memory(self) -> bool:
        """Whether it is the broker's memory, which queued jobs fill."""
        return self.kind in ("memory", "machine")

    @property
    @abstractmethod
    def ratio(self) -> float:
        """How much of it is in use: 1 at the limit, more beyond it."""

    @property
    @abstractmethod
    def level(self) -> tuple[float, float]:
        """A value that grows, and the value at which the limit is reached."""

    @property
    @abstractmethod
    def figures(self) -> tuple[int, int]:
        """`used` and `most`, as `slowtask status --json` has them."""

    @property
    @abstractmethod
    def amount(self) -> str:
        """What is in use, in a few words: `83 % of 600 MB`."""

    @abstractmethod
    def describe(self, broker: str) -> str:
        """How full it is, as a sentence about *broker* without its full stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filling(Limit):
    """A limit that is reached from below."""

    used: int  #: bytes or jobs
    most: int  #: likewise

    @property
    def ratio(self) -> float:
        """Used of what there may be; a limit of 0 is always reached."""
        return self.used / self.most if self.most else 1.0

    @property
    def level(self) -> tuple[float, float]:
        """What is used grows up to the limit."""
        return self.used, self.most

    @property
    def figures(self) -> tuple[int, int]:
        """As they are."""
        return self.used, self.most

    @property
    def share(self) -> str:
        """`83 %`; never more than 100 %."""
        return percent(min(self.ratio, 1.0))

    @property
    def amount(self) -> str:
        """`83 % of 600 MB`."""
        return f"{self.share} of {size(self.most)}"

    def describe(self, broker: str) -> str:
        """`redis://queue is 83 % full (498 MB of 600 MB)`."""
        node = f" of {printable(self.of)}" if self.of else ""
        return f"{broker} is {self.share} full ({size(self.used)} of {size(self.most)}{node})"


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryLimit(Filling):
    """The memory that the broker may use: Redis's `maxmemory`, RabbitMQ's high watermark."""

    kind: ClassVar[Kind] = "memory"


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineMemory(Filling):
    """The memory of the machine or container, where the broker has no limit of its own."""

    kind: ClassVar[Kind] = "machine"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueLimit(Filling):
    """A limit of one queue alone."""

    @property
    def queue(self) -> str | None:
        """The queue."""
        return self.of

    @property
    def used_of_most(self) -> str:
        """`498 MB of 600 MB`."""
        return f"{size(self.used)} of {size(self.most)}"

    def describe(self, broker: str) -> str:
        """`queue mail of amqp://host is 80 % full (80 of 100 tasks)`."""
        return f"queue {printable(self.of or '')} of {broker} is {self.share} full ({self.used_of_most})"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueBytes(QueueLimit):
    """The bytes that one queue may hold, by RabbitMQ's `max-length-bytes`."""

    kind: ClassVar[Kind] = "bytes"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueLength(QueueLimit):
    """The tasks that one queue may hold, by RabbitMQ's `max-length`."""

    kind: ClassVar[Kind] = "length"

    @property
    def amount(self) -> str:
        """`85 % of 100 tasks`."""
        return f"{self.share} of {self.most:,} tasks"

    @property
    def used_of_most(self) -> str:
        """`85 of 100 tasks`."""
        return f"{self.used:,} of {self.most:,} tasks"


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskLimit(Limit):
    """The disk of a RabbitMQ node, which blocks publishers once less than *floor* is free."""

    kind: ClassVar[Kind] = "disk"
    free: int  #: bytes
    floor: int  #: bytes that must stay free

    @property
    def ratio(self) -> float:
        """1 once no more is free than must stay free."""
        return self.floor / self.free if self.free else 1.0

    @property
    def level(self) -> tuple[float, float]:
        """What is free shrinks, so its negative grows."""
        return -self.free, -self.floor

    @property
    def figures(self) -> tuple[int, int]:
        """What must stay free, of what is free."""
        return self.floor, self.free

    @property
    def amount(self) -> str:
        """`2.1 GB free, 1.0 GB must stay`."""
        return f"{size(self.free)} free, {size(self.floor)} must stay"

    def describe(self, broker: str) -> str:
        """`amqp://host has 2.1 GB of disk left on rabbit@a, and needs 1.0 GB`."""
        node = f" on {printable(self.of)}" if self.of else ""
        return f"{broker} has {size(self.free)} of disk left{node}, and needs {size(self.floor)}"
