"""WATCH: the last poll for Prometheus, and whether the monitor is well: `/metrics` and `/healthz`.

Labels are bounded: queues and the tasks that wait most, never a host or a job.
"""

import importlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from slowtask.errors import UsageError
from slowtask.record.event import SECOND
from slowtask.watch.view import QueueView, View

QUEUES: Final = 200
TASKS: Final = 50
#: For each metric of a queue what it says, and where it is.
OF_QUEUE: Final[dict[str, tuple[str, Callable[[QueueView], float | None]]]] = {
    "depth": ("Jobs that wait.", lambda view: view.queue.depth),
    "running": ("Jobs that run.", lambda view: view.queue.running),
    "scheduled": ("Jobs that are scheduled.", lambda view: view.queue.scheduled),
    "deferred": ("Jobs that wait for others.", lambda view: view.queue.deferred),
    "failed": ("Failed jobs that are kept.", lambda view: view.queue.failed),
    "workers": ("Workers that serve it.", lambda view: view.queue.workers),
    "busy_workers": ("Workers of it that are busy.", lambda view: view.queue.busy),
    "oldest_seconds": (
        "How long the first job has waited.",
        lambda view: None if view.queue.oldest is None else view.queue.oldest / SECOND,
    ),
    "arrivals_per_second": ("Jobs that come, a second.", lambda view: view.arrivals),
    "departures_per_second": ("Jobs that leave, a second.", lambda view: view.departures),
    "load_ratio": ("Arriving work over what the workers can do.", lambda view: view.load),
}
#: Likewise of a broker.
OF_BROKER: Final[dict[str, tuple[str, Callable[[View], float | None]]]] = {
    "capacity_ratio": (
        "Of its limit in use: the worst of all ratios.",
        lambda view: view.capacity.ratio if view.capacity else None,
    ),
    "memory_bytes": (
        "Memory in use.",
        lambda view: view.poll.memory.used if view.poll.memory else None,
    ),
    "memory_limit_bytes": (
        "The memory's limit, or the machine's.",
        lambda view: (view.poll.memory.limit or view.poll.memory.machine) if view.poll.memory else None,
    ),
    "full_seconds": ("Until it is full.", lambda view: view.forecast.seconds if view.forecast else None),
    "alarms": ("Alarms that it says are on.", lambda view: len(view.poll.alarms)),
}


class Health:
    """The last poll of each of *systems* (`rq`, `celery`), and when it was."""

    def __init__(
        self, patience: float, clock: Callable[[], float] = time.monotonic, systems: Sequence[str] = ("rq",)
    ) -> None:
        self._patience = patience
        self._clock = clock
        self._seen: dict[str, tuple[float, View]] = {}
        self.systems = systems
        #: What is wrong with the monitor itself, by part: `runs`, `log`.
        self.problems: dict[str, str | None] = {"runs": None, "log": None}

    def note(self, part: str, problem: str | None) -> None:
        """Take *problem* for what is wrong with *part*; None: nothing is."""
        self.problems[part] = problem

    def see(self, view: View) -> None:
        """Take *view* for the last of its system."""
        self._seen[view.poll.system] = self._clock(), view

    def view(self, system: str) -> View | None:
        """The last poll of *system*; None where that isn't of late."""
        at, view = self._seen.get(system, (None, None))
        return view if at is not None and self._clock() - at <= self._patience else None

    @property
    def well(self) -> bool:
        """Whether each was seen of late."""
        return all(self.view(each) for each in self.systems)


class Collector:
    """Prometheus's collector of the last poll."""

    def __init__(self, health: Health) -> None:
        self._health = health
        self._family: Any = importlib.import_module("prometheus_client.core").GaugeMetricFamily

    def collect(self) -> Iterator[Any]:
        """The metrics; what isn't known has no sample."""
        views = {system: self._health.view(system) for system in self._health.systems}
        yield self._gauge(
            "slowtask_up",
            "Whether the broker was seen of late.",
            ((s, float(v is not None)) for s, v in views.items()),
        )
        parts = self._family(
            "slowtask_monitor_problem", "1 where the monitor can't read or write that.", labels=["part"]
        )
        for part, problem in self._health.problems.items():
            parts.add_metric([part], float(problem is not None))
        yield parts
        seen = [view for view in views.values() if view]
        for name, (says, read) in OF_BROKER.items():
            yield self._gauge(
                f"slowtask_broker_{name}", says, ((each.poll.system, read(each)) for each in seen)
            )
        for name, (says, of) in OF_QUEUE.items():
            yield self._of_queues(f"slowtask_queue_{name}", says, of, seen)
        yield from self._of_tasks(seen)

    def _of_queues(
        self, name: str, says: str, of: Callable[[QueueView], float | None], views: Iterable[View]
    ) -> Any:
        """One metric of all queues."""
        family = self._family(name, says, labels=["system", "queue"])
        for view in views:
            for each in view.queues[:QUEUES]:
                if (value := of(each)) is not None:
                    family.add_metric([view.poll.system, each.queue.name], value)
        return family

    def _of_tasks(self, views: Iterable[View]) -> Iterator[Any]:
        """What waits, by task."""
        labels = ["system", "task"]
        jobs = self._family("slowtask_backlog_jobs", "Jobs of a task that wait.", labels=labels)
        work = self._family("slowtask_backlog_seconds", "Worker-seconds of those.", labels=labels)
        for view in views:
            for each in view.backlog[:TASKS]:
                jobs.add_metric([view.poll.system, each.task], each.count)
                if each.work is not None:
                    work.add_metric([view.poll.system, each.task], each.work)
        yield from (jobs, work)

    def _gauge(self, name: str, says: str, values: Iterable[tuple[str, float | None]]) -> Any:
        """A metric of each system."""
        family = self._family(name, says, labels=["system"])
        for system, value in values:
            if value is not None:
                family.add_metric([system], value)
        return family


class Quiet(WSGIRequestHandler):
    """Writes no line for each request."""

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def served(address: str, health: Health) -> WSGIServer:
    """Serve both paths at *address* (`host:port`) from a thread. Raises `UsageError`."""
    try:
        prometheus: Any = importlib.import_module("prometheus_client")
    except ImportError:
        raise UsageError("/metrics needs prometheus-client: pip install 'slowtask[monitor]'.") from None
    registry = prometheus.CollectorRegistry()
    registry.register(Collector(health))
    host, _, port = address.rpartition(":")
    try:
        answers = app(prometheus.make_wsgi_app(registry), health)
        server = make_server(host.strip("[]"), int(port), answers, handler_class=Quiet)
    except OSError as error:
        raise UsageError(
            f"{address} can't be served ({error.strerror}): choose another for metrics."
        ) from None
    threading.Thread(target=server.serve_forever, name="slowtask-metrics", daemon=True).start()
    return server


def app(metrics: Callable[..., Iterable[bytes]], health: Health) -> Callable[..., Iterable[bytes]]:
    """The WSGI application."""

    def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        if environ.get("PATH_INFO") == "/metrics":
            return metrics(environ, start)
        if environ.get("PATH_INFO") != "/healthz":
            status, text = "404 Not Found", b"/metrics, /healthz\n"
        elif health.well:
            problems = filter(None, health.problems.values())
            status, text = "200 OK", "".join(f"{each}\n" for each in ("ok", *problems)).encode()
        else:
            status, text = "503 Service Unavailable", b"the broker can't be seen\n"
        start(status, [("Content-Type", "text/plain; charset=utf-8")])
        return [text]

    return answer
