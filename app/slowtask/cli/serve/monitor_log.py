"""What the monitor last wrote of the queues, to its log or to Elasticsearch: samples, and lasting alerts."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Literal, TypeVar

import msgspec

from slowtask.cli.serve.figures import Queues
from slowtask.cli.serve.setup import Setup
from slowtask.record.sample import ALERT_DATASET, QUEUE_DATASET, Alert, BrokerSample, QueueSample
from slowtask.units import duration
from slowtask.watch.settings import MonitorSettings, Thresholds

TAIL: Final = 8_000_000  #: bytes of the log that are read: more than an hour, in which lasting alerts repeat
STALE: Final = timedelta(minutes=1)  #: since the last sample, after which nothing is known of now
SAME_POLL: Final = timedelta(minutes=1)  #: before the last sample; what is older is of queues that are gone
NOTHING: Final = (
    "Nothing is known of the queues. Start slowtask serve with --redis-url or --celery-url, and it looks at"
    " the broker itself. Or run slowtask monitor, and it reads {log}."
)
SILENT: Final = (
    "The monitor's last sample is {age} old, so the present state isn't known: check that slowtask monitor"
    " runs."
)

Sample = QueueSample | BrokerSample
Line = TypeVar("Line", QueueSample, BrokerSample, Alert)


def read_monitor(log: Path | None, name: str, thresholds: Thresholds, now: datetime) -> Queues:
    """What the monitor's *log* tells; *name* is what it is called if there is none."""
    lines = list(read_tail(log)) if log else []
    return judge_lines(lines, "monitor", thresholds, now, NOTHING.format(log=name))


def judge_lines(
    lines: Sequence[Sample | Alert],
    origin: Literal["monitor", "elasticsearch"],
    thresholds: Thresholds,
    now: datetime,
    nothing: str,
) -> Queues:
    """What *lines* of a monitor, in order of time, tell of *now*; the note *nothing* without a sample."""
    samples = find_newest(lines)
    if not samples:
        return Queues(origin="nothing", thresholds=thresholds, note=nothing)
    at = max(each.timestamp for each in samples)
    stale = now - at > STALE
    age = duration((now - at).total_seconds())
    return Queues(
        origin=origin, thresholds=thresholds, samples=samples, alerts=find_lasting(lines), at=at,
        stale=stale, note=SILENT.format(age=age) if stale else "",
    )  # fmt: skip


def find_log(setup: Setup, settings: MonitorSettings) -> Path | None:
    """The monitor's log: where the settings say, else beside the runs."""
    places = [Path(each) if Path(each).is_dir() else Path(each).parent for each in setup.sources]
    paths = [Path(settings.log), *(place / Path(settings.log).name for place in places)]
    return next((path for path in paths if path.is_file()), None)


def read_tail(log: Path) -> Iterator[Sample | Alert]:
    """The samples and alerts at the end of *log*; none if it can't be read."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - TAIL))
            lines = file.read(TAIL).splitlines()
    except OSError:
        return
    yield from filter(None, map(_decode, lines))


def _decode(line: bytes) -> Sample | Alert | None:
    """The sample or alert that *line* is; None for any other line."""
    if f'"{ALERT_DATASET}"'.encode() in line:
        return _decode_as(line, Alert)
    if f'"{QUEUE_DATASET}"'.encode() not in line:
        return None
    return _decode_as(line, BrokerSample) if b'"broker.name"' in line else _decode_as(line, QueueSample)


def _decode_as(line: bytes, kind: type[Line]) -> Line | None:
    """*line* as *kind*; None if it is damaged."""
    try:
        return msgspec.json.decode(line, type=kind)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def find_newest(lines: Iterable[Sample | Alert]) -> list[Sample]:
    """The newest sample of each queue and broker that the last poll saw."""
    newest: dict[tuple[str, str], Sample] = {}
    for each in lines:
        if isinstance(each, QueueSample):
            newest[each.system, each.queue] = each
        elif isinstance(each, BrokerSample):
            newest["", each.name] = each
    last = max((each.timestamp for each in newest.values()), default=datetime.now(UTC))
    return [each for each in newest.values() if last - each.timestamp < SAME_POLL]


def find_lasting(lines: Iterable[Sample | Alert]) -> list[Alert]:
    """The alerts that weren't resolved, those that began to last first."""
    lasting: dict[tuple[str, str | None, str | None], Alert] = {}
    for each in lines:
        if isinstance(each, Alert):
            key = each.name, each.queue, each.task
            before = lasting.pop(key, None)
            if each.state != "ok":
                lasting[key] = each if before is None or before.state != each.state else before
    return list(lasting.values())
