"""Celery's RabbitMQ: depths by AMQP, for they are of this moment, all else by the management plugin.

Without the plugin, or the right to ask it, the queues that are named, or that workers name, are still seen.
"""

import re
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from slowtask.errors import BrokerError
from slowtask.watch.broker import (
    Alarm,
    Memory,
    Owner,
    Poll,
    Queue,
    Running,
    System,
    Unacknowledged,
    Waiting,
)
from slowtask.watch.broker.amqp import Amqp
from slowtask.watch.broker.heartbeats import Crew, News, crew
from slowtask.watch.broker.limits import DiskLimit, Limit, LimitKind, QueueBytes, QueueLength
from slowtask.watch.broker.management import Listed, Management, ManagementError, Node

MOST: Final = 500  #: queues that are asked for at this moment; of more, those that are deepest
#: Celery's own talk, and tasks that wait for their time on the way to a queue.
OWN: Final = re.compile(r"celeryev|.*\.celery\.pidbox$|celery_delayed_\d+$|celery_delayed_delivery")
RESOURCES: Final[Mapping[str, LimitKind]] = {"memory": "memory", "disk": "disk"}
BLOCKED: Final = 100  #: connections that are named


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the management plugin says."""

    nodes: Sequence[Node] = ()
    queues: Mapping[str, Listed] | None = None  #: by name
    alarms: Sequence[Alarm] = ()
    blocked: Sequence[str] = ()
    gaps: Sequence[str] = ()


class CeleryRabbitMQ:
    """The queues of Celery in one virtual host; *queues* are some that it may not find by itself."""

    system: System = "celery"

    def __init__(self, amqp: Amqp, management: Management, queues: Iterable[str] = ()) -> None:
        self._amqp = amqp
        self._management = management
        self._named = set(queues)
        self._news = News()
        self.name = amqp.name

    def poll(self, tails: Mapping[str, str]) -> Poll:  # noqa: ARG002 - it counts for itself
        """What it shows now. Raises `BrokerError`."""
        start, now = time.perf_counter(), time.time_ns() // 1000
        for event in self._amqp.events():
            self._news.take(event, now)
        self._news.forget(now)
        told = self._told()
        listed = {name: each for name, each in (told.queues or {}).items() if watched(each)}
        names = self._named | self._news.queues(now) | listed.keys()
        if not names and told.queues is None:
            raise BrokerError(
                f"{told.gaps[0].rstrip('.')}, or name the queues of {self.name} as celery_queues."
            )
        depths = self._amqp.depths(chosen(names, listed))
        return self._look(
            told, self._queues(names, listed, depths, now, counted=told.queues is not None), now, start
        )

    def _look(self, told: Told, queues: Sequence[Queue], now: int, start: float) -> Poll:
        """All of it."""
        workers, several = self._news.workers(now), len(told.nodes) > 1
        down = [f"the node {each.name} is down: start it." for each in told.nodes if not each.running]
        return Poll(
            time=now, system=self.system, server="rabbitmq", name=self.name, queues=queues, workers=workers,
            all_workers_known=bool(workers), unacknowledged=unacknowledged(queues),
            memory=memory(told.nodes, several=several),
            limits=[*disks(told.nodes, several=several), *of_queues(queues, told.queues or {})],
            alarms=told.alarms, blocked=told.blocked, gaps=[*told.gaps, *down],
            notes=[self._amqp.deaf] if self._amqp.deaf else [], took=time.perf_counter() - start,
        )  # fmt: skip

    def _told(self) -> Told:
        """What the management plugin says, as far as it does."""
        gaps: list[str] = []
        nodes = self._asked(self._management.nodes, gaps)
        queues = self._asked(lambda: self._management.queues(self._amqp.vhost), gaps)
        raised = self._asked(self._management.alarms, gaps) or []
        alarms = {(RESOURCES.get(each.resource), each.node) for each in raised}
        alarms |= {("memory", each.name) for each in nodes or () if each.mem_alarm}
        alarms |= {("disk", each.name) for each in nodes or () if each.disk_free_alarm}
        blocked = self._asked(self._management.blocked, gaps) if alarms else None
        return Told(
            nodes=nodes or (),
            queues=None if queues is None else {each.name: each for each in queues},
            alarms=[Alarm(kind=kind, node=node) for kind, node in sorted(alarms, key=str) if kind],
            blocked=[publisher(each) for each in blocked or ()],
            gaps=list(dict.fromkeys(gaps)),
        )

    def _asked(self, ask: Any, gaps: list[str]) -> Any:
        """What *ask* returns; None, and a sentence more in *gaps*, where it isn't allowed or possible."""
        try:
            return ask()
        except ManagementError as error:
            gaps.append(f"{error}.")
            return None

    def _queues(
        self, names: Iterable[str], listed: Mapping[str, Listed], depths: Mapping[str, tuple[int, int]],
        now: int, *, counted: bool,
    ) -> list[Queue]:  # fmt: skip
        """The queues that are there."""
        workers = self._news.workers(now)
        running = Counter(job.queue for job in self._news.running())
        found = []
        for name in sorted({*names} & (listed.keys() | depths.keys())):
            each = listed.get(name, Listed(name=name))
            depth, consumers = depths.get(name, (each.messages_ready or 0, each.consumers))
            found.append(queue(each, depth, crew(name, workers, running, consumers), now, counted=counted))
        return found

    def waiting(self, queue: str, most: int) -> Waiting:  # noqa: ARG002 - workers tell few enough
        """Which tasks wait in *queue*, by those that workers have fetched of it.

        To fetch and put back would count as a delivery: a quorum queue drops what was delivered too often.
        """
        tasks = self._news.waiting(queue, time.time_ns() // 1000)
        return Waiting(queue=queue, depth=tasks.total(), sampled=tasks.total(), tasks=tasks)

    def running(self, queues: Sequence[str]) -> list[Running]:  # noqa: ARG002 - workers tell of all
        """The jobs that run, by what workers tell."""
        return self._news.running()

    def owners(self, most: int) -> list[Owner]:  # noqa: ARG002 - it has no keys
        """Nothing: RabbitMQ's memory hardly follows its queues."""
        return []

    def close(self) -> None:
        """End the connection."""
        self._amqp.close()


def unacknowledged(queues: Sequence[Queue]) -> Unacknowledged | None:
    """What workers hold of *queues*; None where the plugin doesn't tell."""
    counts = [each.unacknowledged for each in queues if each.unacknowledged is not None]
    return Unacknowledged(count=sum(counts)) if counts else None


def watched(queue: Listed) -> bool:
    """Whether tasks wait in *queue*: not in Celery's own, nor in one that goes with its connection."""
    return not queue.exclusive and not queue.auto_delete and not OWN.match(queue.name)


def chosen(names: Iterable[str], listed: Mapping[str, Listed]) -> list[str]:
    """Those of *names* that are asked for at this moment: not those that asking would keep from expiring."""
    asked = [name for name in names if name not in listed or listed[name].setting("expires") is None]
    return sorted(asked, key=lambda name: -(listed[name].messages_ready or 0) if name in listed else -1)[
        :MOST
    ]


def queue(listed: Listed, depth: int, crew: Crew | None, now: int, *, counted: bool) -> Queue:
    """One queue of what is said of it."""
    head, stats = listed.head_message_timestamp, listed.message_stats
    return Queue(
        name=listed.name,
        depth=depth,
        unacknowledged=listed.messages_unacknowledged,
        running=crew.running if crew else None,
        workers=crew.slots if crew else None,
        busy=crew.busy if crew else None,
        oldest=max(0, now - round(head * 1e6)) * 1000 if head and depth else None,
        totals=(stats.publish, stats.ack) if counted else None,
        rates=(stats.publish_details.avg_rate, stats.ack_details.avg_rate) if counted else None,
        drops_oldest=drops_oldest(listed),
        mirrored="ha-mode" in listed.policy,
    )


def drops_oldest(listed: Listed) -> bool:
    """Whether the queue has a limit, and drops its oldest tasks there: the default."""
    limited = listed.limit("max-length") is not None or listed.limit("max-length-bytes") is not None
    return limited and listed.setting("overflow") in (None, "drop-head")


def memory(nodes: Sequence[Node], *, several: bool) -> Memory | None:
    """That of the node that has least left; None where none tells."""
    known = [(*each.memory, each.name) for each in nodes if each.memory]
    if not known:
        return None
    used, limit, name = max(known, key=lambda each: each[0] / max(1, each[1]))
    return Memory(used=used, limit=limit, node=name if several else None)


def disks(nodes: Sequence[Node], *, several: bool) -> list[DiskLimit]:
    """That of the node that has least left over what must stay free."""
    known = [(*each.disk, each.name) for each in nodes if each.disk]
    if not known:
        return []
    required, free, name = min(known, key=lambda each: each[1] - each[0])
    return [DiskLimit(free=free, required=required, belongs_to=name if several else None)]


def of_queues(queues: Iterable[Queue], listed: Mapping[str, Listed]) -> list[Limit]:
    """The limits that queues have of their own."""
    return [limit for each in queues if each.name in listed for limit in of_queue(each, listed[each.name])]


def of_queue(queue: Queue, said: Listed) -> list[Limit]:
    """The limits that one queue has of its own."""
    sizes = (
        (QueueLength, queue.depth, said.limit("max-length")),
        (QueueBytes, said.message_bytes_ready or 0, said.limit("max-length-bytes")),
    )
    return [
        kind(used=used, maximum=maximum, belongs_to=queue.name, drops_oldest=queue.drops_oldest)
        for kind, used, maximum in sizes
        if maximum is not None
    ]


def publisher(connection: Any) -> str:
    """How a connection is called: by its own name, else by where it comes from, and its user."""
    client = connection.client_properties
    own = getattr(client, "connection_name", None)
    return f"{connection.user}@{own or connection.name.partition(' ->')[0]}"
