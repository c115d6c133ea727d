"""Read the broker of a queue system: the Protocol `Broker`, and the records that it returns.

`rq.py` reads RQ's Redis, `celery_redis.py` and `celery_rabbitmq.py` read Celery's brokers, and
`heartbeats.py` reads what Celery's workers report. `flow.py` compares two polls. docs/adding.md tells how
to add another broker.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

from slowtask.watch.broker.facts import ServerFacts
from slowtask.watch.broker.limits import Limit, LimitKind

System = str  #: the queue system: `rq`, `celery`, or the name of one that was added
Server = Literal["redis", "rabbitmq"]
CONNECT_SECONDS: Final = 5.0  #: that a worker that starts may need until all its connections stand


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """One queue at the time of a poll. A field is None if the broker doesn't report it.

    Example:
        `Queue(name="mail", depth=135, running=2, workers=2, busy=2, oldest=65_000_000_000)`
    """

    name: str
    depth: int  #: jobs that wait
    unacknowledged: int | None = None  #: jobs that workers run or have prefetched
    running: int | None = None  #: jobs
    scheduled: int | None = None  #: jobs that wait for their time
    overdue: int | None = None  #: ns that the first of them is past its time; None also if it isn't
    deferred: int | None = None  #: jobs that wait for another job
    failed: int | None = None  #: jobs
    #: Workers that serve this queue, even if they serve others too. A Celery pool of four counts as four.
    workers: int | None = None
    busy: int | None = None  #: those of *workers* that run a job
    consumers: int | None = None  #: consumers that the broker counts, one for each worker; None if it doesn't
    oldest: int | None = None  #: ns that the first job has waited; None also if none waits
    handed: str | None = None  #: id of a job that a worker took and hasn't begun; None also if there is none
    head: str | None = None  #: id of the job that has waited longest; None also if none waits
    tail: str | None = None  #: id of the last job that waits, given to the next poll; None also if none waits
    behind_tail: int | None = None  #: jobs behind the previous poll's tail; None also if that job has left
    totals: tuple[int, int] | None = None  #: jobs that arrived and left since the broker began to count
    rates: tuple[float, float] | None = None  #: jobs a second that arrived and left over the last minute
    drops_oldest: bool = False  #: has a limit, and drops its oldest jobs when it reaches it
    kind: str | None = None  #: RabbitMQ's type of it: `classic` or `quorum`
    delivery_limit: int | None = None  #: deliveries of one task after which a quorum queue drops it
    memory: int | None = None  #: bytes
    mirrored: bool = False  #: mirrored by a policy that RabbitMQ 4 no longer supports


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """One worker process, or one pool of Celery, at the time of a poll."""

    name: str
    queues: tuple[str, ...] | None  #: that it serves; None if it doesn't report them
    busy: int  #: jobs that it runs
    finished: int  #: jobs that it has finished since it started
    slots: int = 1  #: jobs that it can run at the same time
    born: int | None = None  #: µs since the epoch: when it started; None if not reported
    heard: int | None = None  #: µs since the epoch: its last sign of life; None if not reported
    patience: float = math.inf  #: seconds after which a worker without another sign counts as silent
    connected: bool | None = None  #: whether it has a connection to the broker; None if not reported
    paused: bool = False  #: told to take no jobs
    #: Jobs that it has fetched and not begun, by task.
    reserved: Mapping[str, int] = field(default_factory=dict)

    def is_silent(self, now: int) -> bool:
        """Return whether a sign of life is overdue at *now* (µs since the epoch)."""
        return self.heard is not None and (now - self.heard) / 1e6 > self.patience

    def is_gone(self, now: int) -> bool:
        """Return whether it has no connection any more; one that has just started may have none yet."""
        fresh = self.heard is not None and (now - self.heard) / 1e6 < CONNECT_SECONDS
        return self.connected is False and not fresh

    def is_live(self, now: int) -> bool:
        """Return whether it is neither silent nor gone."""
        return not self.is_silent(now) and not self.is_gone(now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """The broker reports that it has reached a limit."""

    kind: LimitKind
    node: str  #: the node of the cluster


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """The memory of a broker. Sizes are in bytes."""

    used: int
    limit: int  #: 0 if none is set
    peak: int | None = None  #: the most that was used since the broker started; None if that isn't known
    buffers: int = 0  #: the part of *used* that clients' buffers take now
    node: str | None = None  #: the node that has least left; None unless the broker is a cluster
    policy: str | None = None  #: Redis' `maxmemory-policy`, such as `noeviction`; None for RabbitMQ
    fragmentation: float | None = None  #: resident memory ÷ used memory; None if not reported
    machine: int | None = None  #: memory of the machine or container; None if not reported

    @property
    def kept(self) -> int:
        """What is used for data, not for clients' buffers."""
        return max(0, self.used - self.buffers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unacknowledged:
    """Jobs that workers have and that aren't acknowledged: running, prefetched or not yet due."""

    count: int
    oldest: int | None = None  #: ns since the first of them was given; None if unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """What one reading of a broker found.

    Example:
        `Poll(time=1_753_000_000_000_000, system="rq", name="redis://queue:6379", queues=[], workers=[])`
    """

    time: int  #: µs since the epoch, by the broker's own clock if it has one
    system: System
    server: Server = "redis"
    name: str  #: the broker's address, without a password
    queues: Sequence[Queue]
    workers: Sequence[Worker]
    #: Whether *workers* are complete. If not, jobs that left can't be counted by what workers finished.
    all_workers_known: bool = True
    #: Whether *workers* are as they last reported, some seconds ago, and not as they are at this moment.
    workers_delayed: bool = False
    #: Whether what workers finish has been reported often enough to tell what leaves the queues.
    counted: bool = True
    deserted: bool = False  #: whether surely no worker has a connection to the broker
    unacknowledged: Unacknowledged | None = None  #: of all queues; None if not reported
    memory: Memory | None = None  #: None if not reported
    server_facts: ServerFacts | None = None  #: what a Redis reports of itself; None for another server
    limits: Sequence[Limit] = ()  #: those besides the memory: disks, and queues' own limits
    alarms: Sequence[Alarm] = ()  #: those that are on
    blocked: Sequence[str] = ()  #: connections that the broker keeps from publishing
    #: What is wrong or couldn't be read. One sentence each, with what to do. They become an alert.
    gaps: Sequence[str] = ()
    #: What this user isn't allowed to read, and which right it takes. One sentence each; no alert.
    notes: Sequence[str] = ()
    took: float = 0.0  #: seconds
    round_trips: int = 0  #: to the server; 0 if not counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Which tasks wait in a queue: counted, or estimated from a sample."""

    queue: str
    depth: int  #: jobs
    sampled: int  #: jobs that were read; if fewer than *depth*, the counts are an estimate
    tasks: Mapping[str, int] = field(default_factory=dict)  #: the sampled jobs of each task
    guessed: bool = False  #: no job could be read: *tasks* are those of the queue's last runs


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """One job that runs. A field is None if the broker doesn't report it."""

    id: str
    queue: str  #: empty if not reported
    task: str | None
    worker: str | None
    started: int  #: µs since the epoch
    timeout: float | None = None  #: seconds
    heartbeat: int | None = None  #: µs since the epoch: the last of the job or of its worker
    #: µs that the job had run when its worker last reported it. None if the job runs at this moment, so that
    #: its run time is counted from *started*.
    reported_run_time: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """One use of the broker's memory, estimated from keys picked at random."""

    name: str  #: `queued jobs`, `failed jobs`, `results`, `other programs`, …
    share: float  #: of the bytes of all keys, 0 to 1
    forever: float = 0.0  #: share of its bytes that never expires, or only after a month
    task: str | None = None  #: whose jobs or results hold most of its bytes; None if no task is known
    task_share: float | None = None  #: of *task*, of the bytes whose task is known


class Broker(Protocol):
    """A broker that the monitor can poll.

    An implementation only reads: it changes nothing on the broker, takes no job and unpickles nothing.

    Example:
        >>> broker = Rq(open_redis("redis://queue:6379"), "redis://queue:6379")
        >>> first = broker.poll({})
        >>> tails = {queue.name: queue.tail for queue in first.queues if queue.tail}
        >>> second = broker.poll(tails)
    """

    system: System
    name: str  #: the broker's address, without a password

    def poll(self, tails: Mapping[str, str]) -> Poll:
        """Read the queues, the workers and the memory.

        Args:
            tails: Each queue's `Queue.tail` in the previous poll, by the queue's name; empty at the first.

        Returns:
            What the broker shows at this moment.

        Raises:
            BrokerError: The broker can't be reached, or refuses a request.
        """
        ...

    def waiting(self, queue: str, max_jobs: int) -> Waiting:
        """Find which tasks wait in a queue.

        Args:
            queue: The queue's name.
            max_jobs: The most jobs to read. Of a longer queue, read so many at random.

        Returns:
            The tasks and how often each was found; `sampled` is 0 if no job could be read.

        Raises:
            BrokerError: The broker can't be reached, or refuses a request.
        """
        ...

    def running(self, queues: Sequence[str]) -> list[Running]:
        """Find the jobs that run.

        Args:
            queues: The queues to search. A broker that learns the jobs from the workers may return more.

        Returns:
            The jobs, also those of workers that have died.

        Raises:
            BrokerError: The broker can't be reached, or refuses a request.
        """
        ...

    def owners(self, max_keys: int) -> list[Owner]:
        """Estimate what the broker's memory is used for.

        Args:
            max_keys: How many keys to pick at random.

        Returns:
            The uses, the largest first; empty if the broker has no keys.

        Raises:
            BrokerError: The broker can't be reached, or refuses a request.
        """
        ...
