"""WATCH: the last look for Prometheus, and whether the monitor is well: `/metrics` and `/healthz`.

Labels are bounded: queues and the tasks that wait most, never a host or a job.
"""

import importlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from slowtask.errors import UsageError
from slowtask.event import SECOND
from slowtask.watch import QueueView, View

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


class Health:
    """The last look, and when it was."""

    def __init__(self, patience: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._patience = patience
        self._clock = clock
        self._at: float | None = None
        self.view: View | None = None

    def see(self, view: View) -> None:
        """Take *view* for the last."""
        self.view, self._at = view, self._clock()

    @property
    def well(self) -> bool:
        """Whether the broker was seen of late."""
        return self._at is not None and self._clock() - self._at <= self._patience


class Collector:
    """Prometheus's collector of the last look."""

    def __init__(self, health: Health) -> None:
        self._health = health
        self._family: Any = importlib.import_module("prometheus_client.core").GaugeMetricFamily

    def collect(self) -> Iterator[Any]:
        """The metrics; what isn't known has no sample."""
        yield self._gauge("slowtask_up", "Whether the broker was seen of late.", float(self._health.well))
        view = self._health.view
        if view is None or not self._health.well:
            return
        yield from self._of_broker(view)
        for name, (says, of) in OF_QUEUE.items():
            family = self._family(f"slowtask_queue_{name}", says, labels=["queue"])
            for each in view.queues[:QUEUES]:
                if (value := of(each)) is not None:
                    family.add_metric([each.queue.name], value)
            yield family
        yield from self._of_tasks(view)

    def _of_broker(self, view: View) -> Iterator[Any]:
        """How full it is."""
        if view.capacity:
            yield self._gauge("slowtask_broker_capacity_ratio", "Of its limit in use.", view.capacity.ratio)
            yield self._gauge("slowtask_broker_memory_bytes", "Memory in use.", view.capacity.used)
            yield self._gauge("slowtask_broker_memory_limit_bytes", "The limit.", view.capacity.most)
        if view.forecast:
            yield self._gauge("slowtask_broker_full_seconds", "Until it is full.", view.forecast.seconds)

    def _of_tasks(self, view: View) -> Iterator[Any]:
        """What waits, by task."""
        jobs = self._family("slowtask_backlog_jobs", "Jobs of a task that wait.", labels=["task"])
        work = self._family("slowtask_backlog_seconds", "Worker-seconds of those.", labels=["task"])
        for each in view.backlog[:TASKS]:
            jobs.add_metric([each.task], each.count)
            if each.work is not None:
                work.add_metric([each.task], each.work)
        yield from (jobs, work)

    def _gauge(self, name: str, says: str, value: float) -> Any:
        """A metric without labels."""
        return self._family(name, says, value=value)


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
            status, text = "200 OK", b"ok\n"
        else:
            status, text = "503 Service Unavailable", b"the broker can't be seen\n"
        start(status, [("Content-Type", "text/plain; charset=utf-8")])
        return [text]

    return answer
