"""The limits of a broker: one class for each kind, with its figures and the text that an operator reads."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Final, Literal

from slowtask.units import percent, printable, size

#: Names of the kinds of limits, in JSON and in the field `broker.limit` of samples.
LimitKind = Literal["memory", "machine", "disk", "length", "bytes"]

MIN_BUFFER_SHARE: Final = 0.01  #: of a limit, from which clients' buffers make a difference in a message


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit(ABC):
    """A limit of a broker, or of one of its queues."""

    kind: ClassVar[LimitKind]
    belongs_to: str | None = None  #: a queue, or a node of a cluster; None for the whole broker
    drops_oldest: bool = False  #: at the limit the broker drops the oldest jobs, and doesn't refuse new ones

    @property
    def name(self) -> str:
        """The limit's name: `memory`, `length of mail`."""
        return f"{self.kind} of {self.belongs_to}" if self.belongs_to else self.kind

    @property
    def queue(self) -> str | None:
        """The queue that has this limit; None if it is a limit of the broker."""
        return None

    @property
    def is_memory(self) -> bool:
        """Whether it is the memory of the broker, which queued jobs fill."""
        return self.kind in ("memory", "machine")

    @property
    @abstractmethod
    def ratio(self) -> float:
        """The share in use: 1 at the limit, more beyond it."""

    @property
    def ratio_now(self) -> float:
        """The share in use at this moment; only a Redis' memory differs from moment to moment."""
        return self.ratio

    @property
    @abstractmethod
    def level(self) -> tuple[float, float]:
        """A value that grows with the use, and its value at the limit."""

    @property
    @abstractmethod
    def used_and_maximum(self) -> tuple[int, int]:
        """The figures that `slowtask status --json` prints as `used` and `most`."""

    @property
    @abstractmethod
    def usage(self) -> str:
        """The use in a few words: `83 % of 600 MB`."""

    @abstractmethod
    def describe(self, broker: str) -> str:
        """Say how full *broker* is, as a sentence without its full stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageLimit(Limit):
    """A limit that is reached when the used amount grows to the maximum."""

    used: int  #: bytes or jobs
    maximum: int  #: bytes or jobs

    @property
    def ratio(self) -> float:
        """Used ÷ maximum; a maximum of 0 is always reached."""
        return self.used / self.maximum if self.maximum else 1.0

    @property
    def level(self) -> tuple[float, float]:
        """The used amount, and the maximum."""
        return self.used, self.maximum

    @property
    def used_and_maximum(self) -> tuple[int, int]:
        """The used amount, and the maximum."""
        return self.used, self.maximum

    @property
    def percentage(self) -> str:
        """The share in use as text, `83 %`; never more than 100 %."""
        return percent(min(self.ratio, 1.0))

    @property
    def usage(self) -> str:
        """`83 % of 600 MB`."""
        return f"{self.percentage} of {size(self.maximum)}"

    @property
    def used_of_maximum(self) -> str:
        """`498 MB of 600 MB`."""
        return f"{size(self.used)} of {size(self.maximum)}"

    def describe(self, broker: str) -> str:
        """`redis://queue is 83 % full (498 MB of 600 MB)`."""
        node = f" of {printable(self.belongs_to)}" if self.belongs_to else ""
        return f"{broker} is {self.percentage} full ({self.used_of_maximum}{node})"


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryLimit(UsageLimit):
    """The memory that the broker may use: Redis's `maxmemory`, RabbitMQ's high watermark."""

    kind: ClassVar[LimitKind] = "memory"
    buffers: int = 0  #: bytes of *used* that clients' buffers take now
    most_buffers: int = 0  #: bytes that they took at most in the last polls, and may take again

    @property
    def highest(self) -> int:
        """The bytes in use when clients' buffers take most."""
        return max(self.used, self.used - self.buffers + self.most_buffers)

    @property
    def ratio(self) -> float:
        """The share in use when clients' buffers take most, since Redis first refuses jobs then."""
        return self.highest / self.maximum if self.maximum else 1.0

    @property
    def ratio_now(self) -> float:
        """The share in use now."""
        return self.used / self.maximum if self.maximum else 1.0

    @property
    def level(self) -> tuple[float, float]:
        """What is used without clients' buffers, and what they leave of the maximum."""
        kept = self.used - self.buffers
        return kept, self.maximum - (self.highest - kept)

    @property
    def used_of_maximum(self) -> str:
        """`498 MB of 600 MB`; says so where clients' buffers make a difference."""
        shown = min(self.highest, max(self.used, self.maximum))
        text = f"{size(shown)} of {size(self.maximum)}"
        if shown - self.used < MIN_BUFFER_SHARE * self.maximum:
            return text
        return f"{text} while its clients' buffers are largest"


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineMemory(UsageLimit):
    """The memory of the machine or container, if the broker has no limit of its own."""

    kind: ClassVar[LimitKind] = "machine"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueLimit(UsageLimit):
    """A limit of one queue."""

    @property
    def queue(self) -> str | None:
        """The queue that has this limit."""
        return self.belongs_to

    def describe(self, broker: str) -> str:
        """`queue mail of amqp://host is 80 % full (80 of 100 tasks)`."""
        queue = printable(self.belongs_to or "")
        return f"queue {queue} of {broker} is {self.percentage} full ({self.used_of_maximum})"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueBytes(QueueLimit):
    """The bytes that one queue may hold: RabbitMQ's `max-length-bytes`."""

    kind: ClassVar[LimitKind] = "bytes"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueLength(QueueLimit):
    """The tasks that one queue may hold: RabbitMQ's `max-length`."""

    kind: ClassVar[LimitKind] = "length"

    @property
    def usage(self) -> str:
        """`85 % of 100 tasks`."""
        return f"{self.percentage} of {self.maximum:,} tasks"

    @property
    def used_of_maximum(self) -> str:
        """`85 of 100 tasks`."""
        return f"{self.used:,} of {self.maximum:,} tasks"


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskLimit(Limit):
    """The disk of a RabbitMQ node, which blocks publishers if less than *required* is free."""

    kind: ClassVar[LimitKind] = "disk"
    free: int  #: bytes
    required: int  #: bytes that must stay free

    @property
    def ratio(self) -> float:
        """Required ÷ free: 1 if only the required space is left."""
        return self.required / self.free if self.free else 1.0

    @property
    def level(self) -> tuple[float, float]:
        """The free space shrinks, so both are negative."""
        return -self.free, -self.required

    @property
    def used_and_maximum(self) -> tuple[int, int]:
        """The space that must stay free, and the free space."""
        return self.required, self.free

    @property
    def usage(self) -> str:
        """`2.1 GB free, 1.0 GB must stay free`."""
        return f"{size(self.free)} free, {size(self.required)} must stay free"

    def describe(self, broker: str) -> str:
        """`amqp://host has 2.1 GB of free disk on rabbit@a, and 1.0 GB must stay free`."""
        node = f" on {printable(self.belongs_to)}" if self.belongs_to else ""
        return f"{broker} has {size(self.free)} of free disk{node}, and {size(self.required)} must stay free"
