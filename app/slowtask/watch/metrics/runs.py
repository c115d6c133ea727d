"""WATCH: make Prometheus's metrics of the runs that were counted, and of what the monitor couldn't read."""

import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from slowtask.watch.history import GAPS, History
from slowtask.watch.metrics.counts import PlaceFigures, RunCounts
from slowtask.watch.metrics.histogram import Reading
from slowtask.watch.metrics.labels import Place

LABELS: Final = ("system", "queue", "task")
#: The histograms: their help, and how to read them.
HISTOGRAMS: Final[dict[str, tuple[str, Callable[[PlaceFigures], Reading]]]] = {
    "slowtask_run_seconds": (
        "How long attempts ran. An attempt whose run time isn't known is left out.",
        lambda figures: figures.took,
    ),
    "slowtask_wait_seconds": (
        "How long jobs waited in the queue before an attempt. What isn't known is left out.",
        lambda figures: figures.wait,
    ),
}
#: The counters: their help, and how to read them.
COUNTERS: Final[dict[str, tuple[str, Callable[[PlaceFigures], float]]]] = {
    "slowtask_worker_seconds": (
        "Worker time: the seconds that all attempts ran together.",
        lambda figures: figures.took.total,
    ),
    "slowtask_cpu_seconds": ("Seconds of CPU that attempts used.", lambda figures: figures.cpu),
    "slowtask_cpu_wall_seconds": (
        "Seconds that the attempts ran whose CPU time is known.",
        lambda figures: figures.cpu_wall,
    ),
}
#: What the counts don't have: the kind of a metric, its name, its help, and how to read it.
MONITOR: Final[Sequence[tuple[str, str, str, Callable[[RunCounts, History], float]]]] = (
    (
        "Gauge", "slowtask_monitor_start_time_seconds",
        "When the monitor started, since the epoch. Runs that ended later are counted.",
        lambda counts, _: counts.started,
    ),
    (
        "Counter", "slowtask_monitor_earlier_runs",
        "Runs that were read, but ended before the monitor started. They aren't counted.",
        lambda counts, _: counts.earlier,
    ),
    (
        "Counter", "slowtask_monitor_skipped_bytes",
        "Bytes of the logs of runs that weren't read. Their runs aren't counted.",
        lambda _, history: history.skipped,
    ),
    (
        "Gauge", "slowtask_monitor_other_tasks",
        "Pairs of a queue and a task that share the label (other), up to 1,000.",
        lambda counts, _: counts.others,
    ),
)  # fmt: skip


class RunCollector:
    """Makes the metrics of *counts*, and of what *history* misses."""

    def __init__(self, counts: RunCounts, history: History) -> None:
        self._counts = counts
        self._history = history
        self._core: Any = importlib.import_module("prometheus_client.core")

    def collect(self) -> Iterator[Any]:
        """The metrics."""
        figures = self._counts.read()
        for name, (text, of) in HISTOGRAMS.items():
            yield self._histogram(name, text, {place: of(each) for place, each in figures.items()})
        for name, (text, read) in COUNTERS.items():
            counter = self._core.CounterMetricFamily(name, text, labels=LABELS)
            for place, each in figures.items():
                counter.add_metric(place, read(each))
            yield counter
        yield self._attempts(figures)
        yield self._memory(figures)
        yield from self._missing()

    def _histogram(self, name: str, text: str, of: Mapping[Place, Reading]) -> Any:
        """One histogram: fixed buckets for text, `natives` for protobuf."""
        family = self._core.HistogramMetricFamily(name, text, labels=LABELS)
        for place, each in of.items():
            buckets = [(format_bound(bound), count) for bound, count in each.buckets]
            family.add_metric(place, buckets, each.total)
        family.natives = [(dict(zip(LABELS, place, strict=True)), each) for place, each in of.items()]
        return family

    def _attempts(self, figures: Mapping[Place, PlaceFigures]) -> Any:
        """How attempts ended."""
        text = "Attempts, by how they ended."
        family = self._core.CounterMetricFamily("slowtask_attempts", text, labels=(*LABELS, "action"))
        for place, each in figures.items():
            for action, count in each.actions.items():
                family.add_metric((*place, action), count)
        return family

    def _memory(self, figures: Mapping[Place, PlaceFigures]) -> Any:
        """How much memory the tasks need."""
        text = "The largest peak memory of an attempt in the last 10 to 20 minutes, in bytes."
        family = self._core.GaugeMetricFamily("slowtask_peak_memory_bytes", text, labels=LABELS)
        for place, each in figures.items():
            if each.memory is not None:
                family.add_metric(place, each.memory)
        return family

    def _missing(self) -> Iterator[Any]:
        """What the counts don't have."""
        for kind, name, text, read in MONITOR:
            family = getattr(self._core, f"{kind}MetricFamily")
            yield family(name, text, read(self._counts, self._history))
        gaps = self._core.CounterMetricFamily(
            "slowtask_monitor_gaps",
            "Times that runs may be missing from the counts, by reason.",
            labels=["reason"],
        )
        for reason in GAPS:
            gaps.add_metric([reason], self._history.gaps[reason])
        yield gaps


def format_bound(bound: float) -> str:
    """Write the bound of a bucket as Prometheus does."""
    return "+Inf" if bound == float("inf") else repr(bound)
