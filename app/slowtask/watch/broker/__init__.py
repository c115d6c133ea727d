"""WATCH: what a queue system's broker shows at one moment, and how it is read.

`rq.py` reads RQ's Redis, `celery_redis.py` and `rabbitmq.py` Celery's brokers, without changing them; what
Celery's workers tell of themselves is in `news.py`. `flow.py` compares two polls.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from slowtask.watch.broker.limits import Kind, Limit

System = str  #: `rq`, `celery`, or another of those that docs/adding.md tells how to add
Server = Literal["redis", "rabbitmq"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """One queue at one moment; None where the broker doesn't say."""

    name: str
    depth: int  #: jobs that wait
    delivered: int | None = None  #: given to workers and not yet acknowledged: fetched ahead, or running
    running: int | None = None
    scheduled: int | None = None
    deferred: int | None = None
    failed: int | None = None
    workers: int | None = None  #: that serve it, whatever else they serve; a pool of four counts as four
    busy: int | None = None  #: of them
    oldest: int | None = None  #: ns that the first has waited; None where none waits or its age isn't known
    tail: str | None = None  #: the id of the last that waits
    behind: int | None = None  #: jobs behind the tail of the poll before; None where that is gone
    counts: tuple[int, int] | None = None  #: jobs that came and went so far, where the broker counts them
    rates: tuple[float, float] | None = None  #: likewise a second, over the last minute
    drops: bool = False  #: whether it drops its oldest jobs where it has a limit and reaches it
    mirrored: bool = False  #: by a policy that RabbitMQ 4 no longer has


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """One worker at one moment."""

    name: str
    queues: tuple[str, ...]
    busy: int  #: jobs that it runs
    done: int  #: jobs it has ended since it started
    slots: int = 1  #: jobs that it can run at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """That a broker has come to a limit, by its own word."""

    kind: Kind
    of: str  #: the node


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """A broker's memory."""

    used: int  #: bytes
    limit: int  #: bytes; 0: none is set
    of: str | None = None  #: the node, where there are several
    policy: str | None = None  #: what is done at the limit: `noeviction`
    fragmentation: float | None = None  #: resident over used
    machine: int | None = None  #: bytes of the machine or container, where no limit is set


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What workers have been given and have not acknowledged: running, fetched ahead, or not yet due."""

    count: int
    oldest: int | None = None  #: ns since the first of them was given


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """All that one reading of a broker shows."""

    time: int  #: µs since the epoch, by the broker's own clock
    system: System
    server: Server = "redis"
    name: str  #: the broker's address, without a password
    queues: Sequence[Queue]
    workers: Sequence[Worker]
    whole: bool = True  #: whether *workers* are all there are
    late: bool = False  #: whether they tell of themselves now and then, not at this moment
    held: Held | None = None
    memory: Memory | None = None
    limits: Sequence[Limit] = ()  #: besides the memory
    alarms: Sequence[Alarm] = ()
    blocked: Sequence[str] = ()  #: connections whose publishing it has stopped
    gaps: Sequence[str] = ()  #: what is wrong, or can't be told, and why: a sentence each
    notes: Sequence[str] = ()  #: what could be told besides, with a right more
    took: float = 0.0  #: seconds
    trips: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Which tasks wait in a queue: counted, or estimated from a sample."""

    queue: str
    depth: int
    seen: int  #: jobs looked at; fewer than *depth*: an estimate
    tasks: Mapping[str, int] = field(default_factory=dict)  #: of those looked at
    guessed: bool = False  #: nothing could be looked at: these are the last runs of the queue


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
    ran: int | None = None  #: µs that it had run when it was last told of; None: it runs at this moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """What part of the broker's memory is whose, estimated from keys at random."""

    name: str  #: `queued jobs`, `failed jobs`, `results`, `other programs`, …
    share: float  #: of the bytes of the keys looked at, 0 to 1


class Broker(Protocol):
    """A broker that can be looked at. Reading changes nothing there, and unpickles nothing."""

    system: System
    name: str  #: its address, without a password

    def poll(self, tails: Mapping[str, str]) -> Poll:
        """What it shows now; *tails* are the queues' last jobs of the poll before. Raises `BrokerError`."""
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
