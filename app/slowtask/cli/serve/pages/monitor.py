"""The last samples of the monitor: of each queue and of each broker."""

from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from slowtask.cli.serve.context import Context
from slowtask.cli.serve.pages.cells import badge, bar, section, show_name, table
from slowtask.cli.show.console import UNKNOWN, time_text
from slowtask.cli.show.status import load_text
from slowtask.record.event import SECOND
from slowtask.record.sample import BrokerSample, QueueSample
from slowtask.units import percent, plural

HEADS: Final = (
    "Queue", "State", "Waiting", "Oldest", "In/s", "Out/s", "Workers busy", "Load", "Failed", "Cause",
)  # fmt: skip


def show_samples(
    samples: Sequence[QueueSample | BrokerSample], context: Context, *, stale: bool
) -> Iterator[str]:
    """The sections of the queues and of the brokers."""
    queues = [each for each in samples if isinstance(each, QueueSample)]
    brokers = [each for each in samples if isinstance(each, BrokerSample)]
    when = ", by an old sample" if stale else ""
    if queues:
        rows = (queue_row(each, context, stale=stale) for each in sorted(queues, key=_worst_first))
        yield section(f"{plural(len(queues), 'queue')}{when}", table("Queues", HEADS, rows))
    if brokers:
        items = "".join(f"<li>{show_broker(each)}</li>" for each in brokers)
        yield section(f"{plural(len(brokers), 'broker')}{when}", f'<ul class="limits">{items}</ul>')


def _worst_first(sample: QueueSample) -> tuple[float, float, str]:
    """A sort key: the queue whose first job has waited longest first."""
    return -(sample.oldest or 0), -(sample.depth or 0), sample.queue


def queue_row(sample: QueueSample, context: Context, *, stale: bool) -> list[str]:
    """The row of one queue; its name leads to the ranking of its runs."""
    seconds = None if sample.oldest is None else sample.oldest / SECOND
    busy = UNKNOWN if sample.workers is None or sample.busy is None else f"{sample.busy}/{sample.workers}"
    return [
        show_name(sample.queue, context.link("/", queue=sample.queue)),
        f"was {sample.verdict or 'unknown'}" if stale else badge(sample.verdict or "unknown"),
        number(sample.depth),
        escape(time_text(seconds).plain),
        rate(sample.arrivals, sample),
        rate(sample.departures, sample),
        busy,
        escape(load_text(sample.load).plain),
        number(sample.failed),
        show_name(sample.cause),
    ]


def number(value: int | None) -> str:
    """A count."""
    return UNKNOWN if value is None else f"{value:,}"


def rate(count: int | None, sample: QueueSample) -> str:
    """*count* since the sample before, per second."""
    if count is None or not sample.interval:
        return UNKNOWN
    return f"{count / (sample.interval / SECOND):.3g}"


def show_broker(sample: BrokerSample) -> str:
    """How full one broker is."""
    if sample.capacity is None:
        return f"<span>{show_name(sample.name)}: how full it is isn't known.</span>"
    text = f"{sample.name}: {percent(min(1.0, sample.capacity))} of its {sample.limit or 'most-used limit'}"
    if sample.full_in is not None:
        text += f", full in {time_text(sample.full_in / SECOND).plain} at this rate"
    return bar(sample.capacity, text)
