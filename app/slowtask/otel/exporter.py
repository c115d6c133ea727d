"""OTEL: send runs as metrics, log records and spans."""

import uuid
from typing import Any, Final, Literal

from slowtask.otel.logs import make_log_record
from slowtask.otel.metrics import MAX_SERIES, Metrics
from slowtask.otel.outbox import Outbox
from slowtask.otel.protocol import Signal, is_on, open_exporter
from slowtask.otel.spans import is_lost, make_lost_span
from slowtask.record import host
from slowtask.record.event import Run

Spans = Literal["none", "lost"]

NAMESPACE: Final = uuid.UUID("9d0c4f6e-2f2a-4c53-9a39-6d5b6a3f1c5e")  #: of our instance ids


class Exporter:
    """Sends runs by OTLP, with OpenTelemetry's SDK.

    Endpoint, headers, protocol, resource and the like come from the standard variables, such as
    `OTEL_EXPORTER_OTLP_ENDPOINT`. `OTEL_METRICS_EXPORTER=none` and `OTEL_LOGS_EXPORTER=none` leave a signal
    out.

    Args:
        name: Tells the metrics of this exporter from those of another on the same host; it becomes a part
            of `service.instance.id`.
        spans: `lost` also sends a span for each run whose own was lost with its process: killed, stopped,
            abandoned, or ended by Celery's hard time limit.
        max_series: The series of one metric. Runs beyond are counted in one more, with the attribute
            `otel.metric.overflow`.

    Raises:
        UsageError: A variable can't be used, or the package of the protocol isn't installed.

    Example:
        ```python
        exporter = Exporter()
        for run in runs:
            exporter.take(run)
            if exporter.full and not exporter.send():
                ...  # it isn't accepted now: wait, then call send again
        exporter.close()
        ```
    """

    def __init__(self, name: str = "", *, spans: Spans = "none", max_series: int = MAX_SERIES) -> None:
        instance = str(uuid.uuid5(NAMESPACE, f"{host()}:{name}"))
        self._metrics = Metrics(open_exporter("metrics"), max_series, instance) if is_on("metrics") else None
        self._logs = _open_outbox("logs") if is_on("logs") else None
        self._spans = _open_outbox("traces") if spans == "lost" and is_on("traces") else None
        self._outboxes = [each for each in (self._logs, self._spans) if each is not None]

    def take(self, run: Run) -> None:
        """Add *run* to the metrics and to what waits to be sent. Nothing is sent yet."""
        if self._metrics is not None:
            self._metrics.take(run)
        if self._logs is not None:
            self._logs.add(make_log_record(run))
        if self._spans is not None and is_lost(run):
            self._spans.add(make_lost_span(run))

    def count_unparsed(self, reason: str) -> None:
        """Count a line of a log that couldn't be read, by its *reason*."""
        if self._metrics is not None:
            self._metrics.count_unparsed(reason)

    @property
    def full(self) -> bool:
        """Whether so much waits that `send` should be called before `take`."""
        return any(each.full for each in self._outboxes)

    def send(self) -> bool:
        """Send the log records and spans that wait.

        Returns:
            Whether all were accepted. What wasn't is kept, and sent by the next call.
        """
        return all(each.send() for each in self._outboxes)

    def flush(self) -> bool:
        """Send all that waits, and the metrics.

        Returns:
            Whether all was accepted.
        """
        return self.send() and (self._metrics is None or self._metrics.flush())

    def close(self) -> bool:
        """Send all that waits, then close the connections.

        Returns:
            Whether all was accepted; if not, it is lost.
        """
        accepted = self.flush()
        if self._metrics is not None:
            self._metrics.close()
        for each in self._outboxes:
            each.close()
        return accepted


def _open_outbox(signal: Signal) -> Outbox[Any]:
    """Open the SDK's exporter of *signal*, and what waits for it."""
    exporter = open_exporter(signal)
    return Outbox(exporter.export, close=exporter.shutdown)
