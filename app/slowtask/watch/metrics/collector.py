"""WATCH: make Prometheus's metrics of the last poll.

Labels are bounded: queues, and the tasks with the largest backlogs; never a host or a job.
"""

import importlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from slowtask.record.event import SECOND
from slowtask.watch.metrics.health import Health
from slowtask.watch.metrics.labels import make_label
from slowtask.watch.metrics.verdict import make_verdict_metrics
from slowtask.watch.view import QueueView, View

MAX_QUEUES: Final = 200
MAX_TASKS: Final = 50
NEEDED: Final = "Workers with which the jobs of the queue begin in time."
#: The metrics of a queue: their help, and how to read them.
QUEUE_METRICS: Final[dict[str, tuple[str, Callable[[QueueView], float | None]]]] = {
    "depth": ("Jobs waiting in the queue.", lambda view: view.queue.depth),
    "running": ("Jobs being run.", lambda view: view.queue.running),
    "scheduled": ("Jobs scheduled for later.", lambda view: view.queue.scheduled),
    "deferred": ("Jobs that wait for other jobs.", lambda view: view.queue.deferred),
    "failed": ("Failed jobs that RQ keeps.", lambda view: view.queue.failed),
    "workers": ("Workers that serve the queue.", lambda view: view.workers),
    "busy_workers": ("Workers of the queue that are running a job.", lambda view: view.busy),
    "oldest_seconds": (
        "Seconds that the oldest job has waited.",
        lambda view: None if view.queue.oldest is None else view.queue.oldest / SECOND,
    ),
    "arrivals_per_second": ("Jobs that arrive per second.", lambda view: view.arrivals),
    "departures_per_second": ("Jobs that leave the queue per second.", lambda view: view.departures),
    "load_ratio": (
        "Arriving work over what the workers can do. Over 1 the queue grows.",
        lambda view: view.load,
    ),
}
#: The metrics of a broker.
BROKER_METRICS: Final[dict[str, tuple[str, Callable[[View], float | None]]]] = {
    "capacity_ratio": (
        "Share of the most-used limit that is in use.",
        lambda view: view.capacity.ratio if view.capacity else None,
    ),
    "memory_bytes": (
        "Memory in use, in bytes.",
        lambda view: view.poll.memory.used if view.poll.memory else None,
    ),
    "memory_limit_bytes": (
        "Memory limit in bytes; without one, the memory of the machine.",
        lambda view: (view.poll.memory.limit or view.poll.memory.machine) if view.poll.memory else None,
    ),
    "full_seconds": (
        "Seconds until a limit is reached at the present rate.",
        lambda view: view.forecast.seconds if view.forecast else None,
    ),
    "alarms": ("Alarms that the broker has on.", lambda view: len(view.poll.alarms)),
}


class Collector:
    """Makes Prometheus's metrics of the last poll."""

    def __init__(self, health: Health) -> None:
        self._health = health
        self._family: Any = importlib.import_module("prometheus_client.core").GaugeMetricFamily

    def collect(self) -> Iterator[Any]:
        """The metrics; a value that isn't known has no sample."""
        views = {system: self._health.view(system) for system in self._health.systems}
        yield self._gauge(
            "slowtask_up",
            "1 if the broker could be read recently, else 0.",
            ((s, float(v is not None)) for s, v in views.items()),
        )
        parts = self._family(
            "slowtask_monitor_problem",
            "1 if the monitor can't read or write this part: its log, or the logs of runs.",
            labels=["part"],
        )
        for part, problem in self._health.problems.items():
            parts.add_metric([part], float(problem is not None))
        yield parts
        seen = [view for view in views.values() if view]
        for name, (text, read) in BROKER_METRICS.items():
            yield self._gauge(
                f"slowtask_broker_{name}", text, ((each.poll.system, read(each)) for each in seen)
            )
        for name, (text, of) in QUEUE_METRICS.items():
            yield self._queue_metric(f"slowtask_queue_{name}", text, of, seen)
        yield self._queue_metric("slowtask_workers_needed", NEEDED, lambda view: view.needed, seen)
        yield from self._task_metrics(seen)
        verdicts = {system: self._health.verdict(system) for system in self._health.systems}
        yield from make_verdict_metrics(self._family, verdicts)

    def _queue_metric(
        self, name: str, text: str, of: Callable[[QueueView], float | None], views: Iterable[View]
    ) -> Any:
        """One metric, for all queues."""
        family = self._family(name, text, labels=["system", "queue"])
        for view in views:
            for each in view.queues[:MAX_QUEUES]:
                if (value := of(each)) is not None:
                    family.add_metric([view.poll.system, make_label(each.queue.name)], value)
        return family

    def _task_metrics(self, views: Iterable[View]) -> Iterator[Any]:
        """The backlog by task."""
        labels = ["system", "task"]
        jobs = self._family("slowtask_backlog_jobs", "Jobs of this task that wait.", labels=labels)
        work = self._family(
            "slowtask_backlog_seconds",
            "Seconds of worker time that the waiting jobs of this task need.",
            labels=labels,
        )
        for view in views:
            for each in view.backlog[:MAX_TASKS]:
                jobs.add_metric([view.poll.system, make_label(each.task)], each.count)
                if each.work is not None:
                    work.add_metric([view.poll.system, make_label(each.task)], each.work)
        yield from (jobs, work)

    def _gauge(self, name: str, text: str, values: Iterable[tuple[str, float | None]]) -> Any:
        """One metric, for each system."""
        family = self._family(name, text, labels=["system"])
        for system, value in values:
            if value is not None:
                family.add_metric([system], value)
        return family
