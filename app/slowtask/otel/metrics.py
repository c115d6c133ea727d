"""OTEL: make metrics of runs.

There is one meter for each service that the runs name, since a metric has the resource of its service.
"""

import math
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from opentelemetry.context import Context
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import (
    CardinalityLimits,
    MetricExporter,
    MetricExportResult,
    MetricsData,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.metrics.view import View
from opentelemetry.sdk.resources import Resource

from slowtask import __version__
from slowtask.otel.attributes import (
    INSTANCE,
    METRIC_KEYS,
    REASON,
    SCOPE,
    describe_ending,
    describe_task,
    resource_of,
)
from slowtask.otel.outbox import Outbox
from slowtask.otel.spans import find_context
from slowtask.record import host
from slowtask.record.event import SECOND, Run

MAX_SERIES: Final = 2000  #: of one metric, the SDK's own default
MAX_SERVICES: Final = 20  #: with metrics of their own
#: The conventions advise these bounds of run times, in seconds, up to 10. Tasks may run for hours.
SECONDS: Final = (
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10,
    30, 60, 120, 300, 900, 1800, 3600, 14400,
)  # fmt: skip
BYTES: Final = tuple(2**power for power in range(23, 36))  #: 8 MiB to 32 GiB

Service = tuple[str | None, str | None, str | None]


class Instruments:
    """The instruments of one service."""

    def __init__(self, provider: MeterProvider) -> None:
        meter = provider.get_meter(SCOPE, __version__)
        seconds = partial(meter.create_histogram, unit="s", explicit_bucket_boundaries_advisory=SECONDS)
        self.duration = seconds("messaging.process.duration", description="Duration of processing operation.")
        self.wait = seconds("slowtask.wait.duration", description="Time in the queue before the task began.")
        self.cpu = seconds("slowtask.cpu.time", description="CPU time of a run, user and system.")
        self.memory = meter.create_histogram(
            "slowtask.memory.peak", unit="By", description="Peak memory of the process that ran the task.",
            explicit_bucket_boundaries_advisory=BYTES,
        )  # fmt: skip
        self.attempts = meter.create_counter(
            "slowtask.attempts", unit="{attempt}", description="Attempts of tasks, however they ended."
        )
        self.unparsed = meter.create_counter(
            "slowtask.unparsed.lines",
            unit="{line}",
            description="Lines that may tell of a run, and weren't read.",
        )

    def take(self, run: Run, context: Context) -> None:
        """Measure *run*; what isn't known of it isn't measured."""
        task = describe_task(run)
        ended = task | describe_ending(run)
        more = {"event.id": run.id}
        self.attempts.add(1, ended | more, context)
        if run.duration is not None:
            self.duration.record(run.duration / SECOND, ended | more, context)
        if run.wait is not None:
            self.wait.record(run.wait / SECOND, task | more, context)
        if run.cpu is not None:
            self.cpu.record(run.cpu / SECOND, task | more, context)
        if run.memory is not None:
            self.memory.record(run.memory, task | more, context)


class MetricOutbox(MetricExporter):
    """Keeps the metrics that were collected until the SDK's *exporter* has sent them."""

    def __init__(self, exporter: MetricExporter) -> None:
        super().__init__(exporter._preferred_temporality, exporter._preferred_aggregation)  # noqa: SLF001 - as the SDK's readers do
        self._exporter = exporter
        self._outbox = Outbox(self._send, size=1)

    def export(self, metrics_data: MetricsData, *_: Any, **__: Any) -> MetricExportResult:
        """Keep what a reader has collected."""
        self._outbox.add(metrics_data)
        return MetricExportResult.SUCCESS

    def send(self) -> bool:
        """Send what is kept; return whether all was accepted."""
        return self._outbox.send()

    def force_flush(self, *_: Any, **__: Any) -> bool:
        """Do nothing: `send` sends."""
        return True

    def shutdown(self, *_: Any, **__: Any) -> None:
        """Close the SDK's exporter."""
        self._exporter.shutdown()

    def _send(self, batch: Sequence[MetricsData]) -> MetricExportResult:
        """Send one collection."""
        return self._exporter.export(batch[0])


class Metrics:
    """The metrics of all services."""

    def __init__(self, exporter: MetricExporter, max_series: int, instance: str) -> None:
        """*instance* tells these metrics from those of another process with the same service."""
        self._outbox = MetricOutbox(exporter)
        self._limits: CardinalityLimits = {Counter: max_series, Histogram: max_series}
        self._instance = Resource({INSTANCE: instance})
        self._providers: list[MeterProvider] = []
        self._services: dict[Service, Instruments] = {}
        self._own = self._open((None, None, None))

    def take(self, run: Run) -> None:
        """Measure *run*."""
        service = run.service, run.version, run.environment
        instruments = self._services.get(service) or self._open(service)
        instruments.take(run, find_context(run))

    def count_unparsed(self, reason: str) -> None:
        """Count a line that couldn't be read."""
        self._own.unparsed.add(1, {REASON: reason})

    def flush(self) -> bool:
        """Collect and send; return whether all was accepted. What wasn't is sent before more is collected."""
        if not self._outbox.send():
            return False
        for provider in self._providers:
            provider.force_flush()
        return self._outbox.send()

    def close(self) -> None:
        """Close the SDK's exporter."""
        self._outbox.shutdown()

    def _open(self, service: Service) -> Instruments:
        """Make the instruments of *service*; those of this process itself if there are too many services."""
        if len(self._services) > MAX_SERVICES:
            return self._own
        reader = PeriodicExportingMetricReader(
            self._outbox, export_interval_millis=math.inf, cardinality_limits=self._limits
        )
        provider = MeterProvider(
            [reader],
            resource=self._instance.merge(resource_of(*service, host())),
            shutdown_on_exit=False,
            views=[View(instrument_name="*", attribute_keys=set(METRIC_KEYS))],
        )
        self._providers.append(provider)
        self._services[service] = Instruments(provider)
        return self._services[service]
