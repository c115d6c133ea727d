"""PARSE: what a line can turn out to be: the end of an attempt, an event of slowtask, or unreadable."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

from slowtask.parse.chatter import Kind
from slowtask.record.event import DATASET, SECOND, Action, Outcome, Run, identity, moment

MAX_EXCERPT: Final = 200  #: characters kept of a line that can't be read


class Reason(StrEnum):
    """Why a line can't be read.

    The value, such as `torn-json`, is what `event.reason` holds in Elasticsearch; `sentence` is what people
    read. Each reason is explained in the table of the page about logs.
    """

    UNKNOWN = "unknown-format"
    STRANGE = "unknown-log"
    MALFORMED = "malformed"
    TORN = "torn-json"
    FOREIGN = "not-an-event"
    FIELD = "wrong-field"
    DURATION = "bad-duration"
    TIME = "bad-time"
    NAMELESS = "no-task-name"
    UNTIMED = "no-time"
    LOST = "lost-process"
    LONG = "too-long"
    BINARY = "binary"
    NUL = "nul-bytes"
    DAMAGED = "damaged-gzip"
    FILTER = "filter-error"

    @property
    def sentence(self) -> str:
        """The reason in words."""
        return SENTENCES[self]


#: Each reason, and what to do about it.
SENTENCES: Final = {
    Reason.UNKNOWN: "may tell of a run, but isn't in a known format: try slowtask parse --explain",
    Reason.STRANGE: "nothing in this log is known: check that it is a worker's, at the level INFO",
    Reason.MALFORMED: "starts like a known line but is cut short or broken: see what wrote it",
    Reason.TORN: "JSON that is cut short or broken: check the disk, and how its writer ended",
    Reason.FOREIGN: "JSON that may tell of a run, but isn't an event of slowtask: try --fields",
    Reason.FIELD: "an event with a field that has a wrong type or is out of range: correct its writer",
    Reason.DURATION: "a run time that is negative, not a number or too large: correct its writer",
    Reason.TIME: "a date or time that doesn't exist: correct its writer",
    Reason.NAMELESS: "a run without a task name: read the log of its start, too, or record with slowtask",
    Reason.UNTIMED: "a run without a time: its lines have none, nor what carried them: try docker logs -t",
    Reason.LOST: "processes were ended, and no line names their tasks, if any: record with slowtask",
    Reason.LONG: "a line over 64 KiB, or over 1 MiB of JSON, 8 MiB if that is the log: log shorter ones",
    Reason.BINARY: "binary data, not text: check that it is the right file",
    Reason.NUL: "NUL bytes, which a crash leaves in a file: lines may be lost there",
    Reason.DAMAGED: "the compressed data is damaged or ends early: copy the file again",
    Reason.FILTER: "the Logstash filter failed on it: please report that",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Unparsable:
    """A line that can't be read, or a part of one. It is reported, never dropped in silence.

    Attributes:
        line: Its number in the log, from 1.
        offset: Where it begins in the decompressed log, in bytes.
        reason: Why it can't be read.
        text: Its first 200 characters.
        detail: Which field is wrong, if the reason is `Reason.FIELD`; what the log looks like, on the first
            line with the reason `Reason.STRANGE`; else empty.
    """

    line: int
    offset: int
    reason: Reason
    text: str
    detail: str = ""

    @property
    def sentence(self) -> str:
        """The reason in words, with its detail."""
        return f"{self.reason.sentence} ({self.detail})" if self.detail else self.reason.sentence


@dataclass(slots=True, kw_only=True)
class Tally:
    """What was found in a log, counted."""

    lines: int = 0
    events: int = 0
    unparsable: Counter[Reason] = field(default_factory=Counter)
    skipped: Counter[Kind] = field(default_factory=Counter)  #: lines of other programs, and output of tasks
    #: Logs whose lines give no full dates, and the date that was guessed for the first of them.
    guessed: list[tuple[str, date]] = field(default_factory=list)
    #: The first lines that can't be read, each with the name of its source.
    bad: list[tuple[str, Unparsable]] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)  #: the CSV files that `scan` wrote

    @property
    def chatter(self) -> int:
        """How many lines are known but tell of no run: starts, tracebacks, banners, blank lines."""
        return max(0, self.lines - self.events - self.unparsable.total())


class End(msgspec.Struct, kw_only=True, gc=False):
    """The end of an attempt, as a stock line tells it. Times are µs since the epoch, durations ns."""

    line: int
    offset: int
    timestamp: int
    task: str | None
    start: int | None = None
    duration: int | None = None
    margin: int | None = None
    outcome: Outcome = "unknown"
    action: Action | None = None
    reason: str | None = None
    id: str | None = None
    queue: str | None = None
    system: str | None = None
    worker: str | None = None
    error: str | None = None
    message: str | None = None
    host: str | None = None
    labels: dict[str, str] | None = None
    call: bytes | None = None  #: RQ's description of the job, to find the start by; not part of the event
    stream: str | None = None  #: which stream of a log of several it stands in; not part of the event
    precision: int = SECOND  #: ns: the last digit of `timestamp`; not part of the event


class OwnRun(msgspec.Struct, gc=False):
    """A run that slowtask wrote itself."""

    run: Run
    line: int
    offset: int


Item = End | OwnRun | Unparsable


def to_run(end: End, device: int, inode: int) -> Run:
    """The run of *end*. Its id is the place of its line, so that it is the same each time."""
    return Run(
        timestamp=moment(end.timestamp),
        id=identity(f"{device}:{inode}:{end.offset}"),
        dataset=DATASET,
        start=None if end.start is None else moment(end.start),
        duration=end.duration,
        margin=end.margin,
        outcome=end.outcome,
        action=end.action,
        reason=end.reason,
        task=end.task or "",
        task_id=end.id,
        queue=end.queue,
        system=end.system,
        worker=end.worker,
        host=end.host,
        labels=end.labels,
        error=end.error,
        message=end.message,
    )


def make_unparsable(reason: Reason, line: bytes, number: int, offset: int, detail: str = "") -> Unparsable:
    """Report *line* as one that can't be read; only its first characters are kept."""
    text = line[: 4 * MAX_EXCERPT].decode(errors="replace")[:MAX_EXCERPT]
    return Unparsable(line=number, offset=offset, reason=reason, text=text, detail=detail)


def make_nameless(end: End) -> Unparsable:
    """Report *end* as one that can't be used: no line names its task."""
    known = f"job {end.id}" if end.id else f"worker {end.worker}"
    return make_unparsable(Reason.NAMELESS, known.encode(), end.line, end.offset)
