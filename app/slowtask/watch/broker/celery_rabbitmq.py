"""Read Celery's queues on RabbitMQ: depths by AMQP, which are current, and all else by the management plugin.

Without the plugin, or the right to use it, only the queues that the user or a worker names are read.
"""

import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

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
from slowtask.watch.broker.heartbeats import QueueWorkers, WorkerRegistry, workers_of
from slowtask.watch.broker.limits import DiskLimit, Limit, LimitKind, QueueBytes, QueueLength
from slowtask.watch.broker.management import Management, ManagementError
from slowtask.watch.broker.management_records import Connection, Node, QueueReport

MAX_CURRENT_DEPTHS: Final = 500  #: queues whose depth is read by AMQP; of more, the deepest
#: Queues of Celery's own messages, and of tasks that wait for their time on the way to a queue.
INTERNAL_QUEUES: Final = re.compile(
    r"celeryev|.*\.celery\.pidbox$|celery_delayed_\d+$|celery_delayed_delivery"
)
ALARM_KINDS: Final[Mapping[str, LimitKind]] = {"memory": "memory", "disk": "disk"}  #: by RabbitMQ's name
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagementReport:
    """What the management plugin reports."""

    nodes: Sequence[Node] = ()
    queues: Mapping[str, QueueReport] | None = None  #: by name; None if the plugin couldn't be read
    alarms: Sequence[Alarm] = ()
    blocked: Sequence[str] = ()
    gaps: Sequence[str] = ()

    @property
    def is_cluster(self) -> bool:
        """Whether there are several nodes, so that limits are given with their node."""
        return len(self.nodes) > 1


class CeleryRabbitMQ:
    """The queues of Celery in one virtual host; *queues* are read besides those that are found."""

    system: System = "celery"

    def __init__(self, amqp: Amqp, management: Management, queues: Iterable[str] = ()) -> None:
        self._amqp = amqp
        self._management = management
        self._named = set(queues)
        self._registry = WorkerRegistry()
        self.name = amqp.name

    def poll(self, tails: Mapping[str, str]) -> Poll:  # noqa: ARG002 - RabbitMQ counts for itself
        """Read the queues, the workers, memory, disk and alarms. Raises `BrokerError`."""
        start, now = time.perf_counter(), time.time_ns() // 1000
        for event in self._amqp.receive_events():
            self._registry.add_event(event, now)
        self._registry.forget_silent(now)
        report = self._read_management()
        queues = self._read_queues(report, now)
        return Poll(
            time=now, system=self.system, server="rabbitmq", name=self.name, queues=queues,
            workers=self._registry.workers(),
            all_workers_known=bool(self._registry.live_workers(now)), workers_delayed=True,
            counted=report.queues is not None or self._registry.are_counted(now),
            unacknowledged=count_unacknowledged(queues),
            memory=least_memory(report), limits=[*least_disk(report), *queue_limits(queues, report)],
            alarms=report.alarms, blocked=report.blocked, gaps=[*report.gaps, *down_nodes(report)],
            notes=[self._amqp.events_denied] if self._amqp.events_denied else [],
            took=time.perf_counter() - start,
        )  # fmt: skip

    def _read_management(self) -> ManagementReport:
        """Read what the management plugin reports, as far as it can be read."""
        gaps: list[str] = []
        nodes = _read_or_note(self._management.read_nodes, gaps)
        queues = _read_or_note(lambda: self._management.read_queues(self._amqp.vhost), gaps)
        checks = _read_or_note(self._management.read_alarms, gaps) or []
        alarms = {(ALARM_KINDS.get(alarm.resource), alarm.node) for alarm in checks}
        alarms |= {("memory", node.name) for node in nodes or () if node.mem_alarm}
        alarms |= {("disk", node.name) for node in nodes or () if node.disk_free_alarm}
        blocked = _read_or_note(self._management.read_blocked, gaps) if alarms else None
        return ManagementReport(
            nodes=nodes or (),
            queues=None if queues is None else {queue.name: queue for queue in queues},
            alarms=[Alarm(kind=kind, node=node) for kind, node in sorted(alarms, key=str) if kind],
            blocked=[connection_name(connection) for connection in blocked or ()],
            gaps=list(dict.fromkeys(gaps)),
        )

    def _read_queues(self, report: ManagementReport, now: int) -> list[Queue]:
        """Return the queues that exist, of all that the plugin, the user and the workers name."""
        reports = {name: queue for name, queue in (report.queues or {}).items() if holds_tasks(queue)}
        names = self._named | self._registry.queues() | reports.keys()
        if not names and report.queues is None:
            raise BrokerError(f"{report.gaps[0]} Or list the queues of {self.name} in celery_queues.")
        depths = self._amqp.read_depths(queues_to_declare(names, reports))
        workers = self._registry.live_workers(now)
        running = Counter(job.queue for job in self._registry.running())
        queues = []
        for name in sorted(names & (reports.keys() | depths.keys())):
            one = reports.get(name, QueueReport(name=name))
            depth, consumers = depths.get(name, (one.messages_ready or 0, one.consumers))
            serving = workers_of(name, workers, running, consumers)
            queue = make_queue(one, depth, serving, now, counted=report.queues is not None)
            queues.append(replace(queue, consumers=consumers))
        return queues

    def waiting(self, queue: str, max_jobs: int) -> Waiting:  # noqa: ARG002 - workers report few enough
        """Return which tasks wait in *queue*, by those that workers have prefetched from it.

        To fetch a message and put it back counts as a delivery, and a quorum queue drops what was delivered
        too often.
        """
        tasks = self._registry.prefetched(queue, time.time_ns() // 1000)
        return Waiting(queue=queue, depth=tasks.total(), sampled=tasks.total(), tasks=tasks)

    def running(self, queues: Sequence[str]) -> list[Running]:  # noqa: ARG002 - workers report all queues
        """Return the jobs that run, as the workers report them."""
        return self._registry.running()

    def owners(self, max_keys: int) -> list[Owner]:  # noqa: ARG002 - RabbitMQ has no keys
        """Return nothing: RabbitMQ's memory hardly follows its queues."""
        return []

    def close(self) -> None:
        """Close the connection."""
        self._amqp.close()


def _read_or_note(read: Callable[[], T], gaps: list[str]) -> T | None:
    """Return what *read* returns, or None if it fails, and then add the reason to *gaps*."""
    try:
        return read()
    except ManagementError as error:
        gaps.append(f"{error}.")
        return None


def count_unacknowledged(queues: Sequence[Queue]) -> Unacknowledged | None:
    """Return how many jobs of *queues* aren't acknowledged; None if the plugin couldn't be read."""
    counts = [queue.unacknowledged for queue in queues if queue.unacknowledged is not None]
    return Unacknowledged(count=sum(counts)) if counts else None


def holds_tasks(queue: QueueReport) -> bool:
    """Return whether tasks wait in *queue*.

    It isn't Celery's own, isn't deleted with its connection, and is no stream, which keeps what was read.
    """
    return (
        queue.type != "stream"
        and not queue.exclusive
        and not queue.auto_delete
        and not INTERNAL_QUEUES.match(queue.name)
    )


def queues_to_declare(names: Iterable[str], reports: Mapping[str, QueueReport]) -> list[str]:
    """Return the queues whose depth is read by AMQP: the deepest, and those that the plugin doesn't report.

    A queue that expires when it isn't used is left out, since each declaration is a use.
    """
    declared = [name for name in names if name not in reports or reports[name].setting("expires") is None]
    order = {name: -(reports[name].messages_ready or 0) if name in reports else -1 for name in declared}
    return sorted(declared, key=order.__getitem__)[:MAX_CURRENT_DEPTHS]


def make_queue(
    report: QueueReport, depth: int, workers: QueueWorkers | None, now: int, *, counted: bool
) -> Queue:
    """Make a queue of its *report*; *counted* tells whether the plugin could be read."""
    head, stats = report.head_message_timestamp, report.message_stats
    return Queue(
        name=report.name,
        depth=depth,
        unacknowledged=report.messages_unacknowledged,
        running=workers.running if workers else None,
        workers=workers.slots if workers else None,
        busy=workers.busy if workers else None,
        oldest=max(0, now - round(head * 1e6)) * 1000 if head and depth else None,
        totals=(stats.publish, stats.ack) if counted else None,
        rates=(stats.publish_details.avg_rate, stats.ack_details.avg_rate) if counted else None,
        drops_oldest=drops_oldest(report),
        kind=report.type if counted else None,
        delivery_limit=delivery_limit(report),
        memory=report.memory,
        mirrored="ha-mode" in report.policy,
    )


def delivery_limit(queue: QueueReport) -> int | None:
    """Return after how many deliveries a quorum *queue* drops a task; None if it has no limit."""
    limits = (queue.limit("delivery-limit"), queue.delivery_limit)
    return next((limit for limit in limits if isinstance(limit, int) and limit >= 0), None)


def drops_oldest(queue: QueueReport) -> bool:
    """Return whether *queue* has a limit and drops its oldest tasks there, which is RabbitMQ's default."""
    limited = queue.limit("max-length") is not None or queue.limit("max-length-bytes") is not None
    return limited and queue.setting("overflow") in (None, "drop-head")


def least_memory(report: ManagementReport) -> Memory | None:
    """Return the memory of the node that has least left; None if no node reports it."""
    known = [(*node.memory, node.name) for node in report.nodes if node.memory]
    if not known:
        return None
    used, limit, name = max(known, key=lambda memory: memory[0] / max(1, memory[1]))
    return Memory(used=used, limit=limit, node=name if report.is_cluster else None)


def least_disk(report: ManagementReport) -> list[DiskLimit]:
    """Return the disk of the node that has least left above what must stay free; none if unreported."""
    known = [(*node.disk, node.name) for node in report.nodes if node.disk]
    if not known:
        return []
    required, free, name = min(known, key=lambda disk: disk[1] - disk[0])
    return [DiskLimit(free=free, required=required, belongs_to=name if report.is_cluster else None)]


def queue_limits(queues: Iterable[Queue], report: ManagementReport) -> list[Limit]:
    """Return the limits that *queues* have of their own."""
    reports = report.queues or {}
    return [
        limit
        for queue in queues
        if queue.name in reports
        for limit in limits_of_queue(queue, reports[queue.name])
    ]


def limits_of_queue(queue: Queue, report: QueueReport) -> list[Limit]:
    """Return the limits that one queue has of its own: length and bytes."""
    sizes = (
        (QueueLength, queue.depth, report.limit("max-length")),
        (QueueBytes, report.message_bytes_ready or 0, report.limit("max-length-bytes")),
    )
    return [
        kind(used=used, maximum=maximum, belongs_to=queue.name, drops_oldest=queue.drops_oldest)
        for kind, used, maximum in sizes
        if maximum is not None
    ]


def down_nodes(report: ManagementReport) -> list[str]:
    """Return a message for each node that is down."""
    return [
        f"RabbitMQ's node {node.name} is down: start it, or remove it from the cluster."
        for node in report.nodes
        if not node.running
    ]


def connection_name(connection: Connection) -> str:
    """Return `user@name` of a connection: its own name, else the address that it comes from."""
    own = getattr(connection.client_properties, "connection_name", None)
    return f"{connection.user}@{own or connection.name.partition(' ->')[0]}"
