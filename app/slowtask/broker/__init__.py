"""WATCH: what a queue system's broker shows at one moment, and how it is read.

`rq.py` reads RQ's Redis, without changing it; `flow.py` compares two looks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """One queue at one moment; None where the broker doesn't say."""

    name: str
    depth: int  #: jobs that wait
    running: int | None = None
    scheduled: int | None = None
    deferred: int | None = None
    failed: int | None = None
    workers: int | None = None  #: that serve it, whatever else they serve
    busy: int | None = None  #: of them
    oldest: int | None = None  #: ns that the first has waited; None where none waits or its age isn't known
    tail: str | None = None  #: the id of the last that waits
    behind: int | None = None  #: jobs behind the tail of the look before; None where that is gone


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """One worker at one moment."""

    name: str
    queues: tuple[str, ...]
    busy: bool
    done: int  #: jobs it has ended since it started
    worked: float  #: seconds that they took


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """A broker's memory."""

    used: int  #: bytes
    limit: int  #: bytes; 0: none is set
    policy: str | None = None  #: what is done at the limit: `noeviction`
    fragmentation: float | None = None  #: resident over used
    machine: int | None = None  #: bytes of the machine or container, where no limit is set


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """All that one reading of a broker shows."""

    time: int  #: µs since the epoch, by the broker's own clock
    system: str  #: `rq`
    name: str  #: the broker's address, without a password
    queues: Sequence[Queue]
    workers: Sequence[Worker]
    memory: Memory | None = None
    took: float = 0.0  #: seconds
    trips: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Which tasks wait in a queue: counted, or estimated from a sample."""

    queue: str
    depth: int
    seen: int  #: jobs looked at; fewer than *depth*: an estimate
    tasks: Mapping[str, int] = field(default_factory=dict)  #: of those looked at


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """One job that runs now."""

    id: str
    queue: str
    task: str | None
    worker: str | None
    since: int  #: µs since the epoch
    limit: float | None = None  #: seconds, its time limit
    alive: int | None = None  #: µs since the epoch: the last sign of life


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """What part of the broker's memory is whose, estimated from keys at random."""

    name: str  #: `queued jobs`, `failed jobs`, `results`, `other programs`, …
    share: float  #: of the bytes of the keys looked at, 0 to 1


class Broker(Protocol):
    """A broker that can be looked at. Reading changes nothing there, and unpickles nothing."""

    def look(self, tails: Mapping[str, str]) -> Look:
        """What it shows now; *tails* are the queues' last jobs of the look before. Raises `BrokerError`."""
        ...

    def waiting(self, queue: str, most: int) -> Waiting:
        """Which tasks wait in *queue*, by at most *most* of them. Raises `BrokerError`."""
        ...

    def running(self, queues: Sequence[str]) -> list[Running]:
        """The jobs that run. Raises `BrokerError`."""
        ...

    def owners(self, most: int) -> list[Owner]:
        """Who owns its memory, the greatest first, by *most* keys at random. Raises `BrokerError`."""
        ...
