"""WATCH: serve the metrics to Prometheus (`/metrics`), and whether the monitor works (`/healthz`).

`/scale/rq` and `/scale/celery` are for autoscalers that don't ask Prometheus.
"""

import importlib
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from slowtask.errors import UsageError
from slowtask.install import install_command
from slowtask.watch.history import History
from slowtask.watch.metrics.collector import Collector
from slowtask.watch.metrics.counts import RunCounts
from slowtask.watch.metrics.health import Health
from slowtask.watch.metrics.protobuf import CONTENT_TYPE, is_asked_for, write_families
from slowtask.watch.metrics.runs import RunCollector
from slowtask.watch.metrics.scale import answer_scale

#: A WSGI application, or what answers one path of it.
Answer = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class QuietHandler(WSGIRequestHandler):
    """Logs no requests."""

    def log_message(self, *_: Any) -> None:
        """Log nothing."""


def serve(address: str, health: Health, runs: tuple[RunCounts, History] | None = None) -> WSGIServer:
    """Serve `/metrics`, `/healthz` and `/scale` at *address* (`host:port`) from a thread.

    *runs* is what counts runs, and where they come from. Raises `UsageError`.
    """
    try:
        prometheus: Any = importlib.import_module("prometheus_client")
    except ImportError:
        raise UsageError(f"/metrics needs prometheus-client: {install_command('monitor')}.") from None
    registry = prometheus.CollectorRegistry()
    registry.register(Collector(health))
    if runs:
        registry.register(RunCollector(*runs))
    metrics = answer_metrics(registry, prometheus.make_wsgi_app(registry))
    answers = {"/metrics": metrics, "/healthz": answer_health(health)}
    answers |= {f"/scale/{system}": answer_scale(health, system) for system in health.systems}
    return listen(address, make_app(answers))


def listen(address: str, app: Answer) -> WSGIServer:
    """Serve *app* at *address* from a thread. Raises `UsageError`."""
    host, _, port = address.rpartition(":")
    try:
        server = make_server(host.strip("[]"), int(port), app, handler_class=QuietHandler)
    except OSError as error:
        raise UsageError(
            f"metrics can't be served at {address} ({error.strerror}): set metrics to another address."
        ) from None
    threading.Thread(target=server.serve_forever, name="slowtask-metrics", daemon=True).start()
    return server


def make_app(answers: Mapping[str, Answer]) -> Answer:
    """The WSGI application that has *answers* by path."""

    def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        known = answers.get(environ.get("PATH_INFO", ""))
        return known(environ, start) if known else reply(start, "404 Not Found", f"{', '.join(answers)}\n")

    return answer


def answer_metrics(registry: Any, in_text: Answer) -> Answer:
    """What answers with the metrics of *registry*: as protobuf if that is preferred, else *in_text*."""

    def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        if not is_asked_for(environ.get("HTTP_ACCEPT", "")):
            return in_text(environ, start)
        body = write_families(registry.collect())
        start("200 OK", [("Content-Type", CONTENT_TYPE)])
        return [body]

    return answer


def answer_health(health: Health) -> Answer:
    """What answers whether the monitor works."""

    def answer(_environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        if not health.healthy:
            return reply(start, "503 Service Unavailable", "the broker can't be read\n")
        problems = filter(None, health.problems.values())
        return reply(start, "200 OK", "".join(f"{each}\n" for each in ("ok", *problems)))

    return answer


def reply(start: Callable[..., Any], status: str, text: str) -> list[bytes]:
    """Answer with plain text."""
    start(status, [("Content-Type", "text/plain; charset=utf-8")])
    return [text.encode()]
