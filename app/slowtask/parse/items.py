"""What a line can turn out to be: the end of an attempt, our own event, or nothing we can read."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

from slowtask.record.event import DATASET, Action, Outcome, Run, identity, moment

EXCERPT: Final = 200  #: characters kept of a line that can't be read


class Reason(StrEnum):
    """Why a line can't be read. The value is for machines, `sentence` for people."""

    UNKNOWN = "unknown-format"
    MALFORMED = "malformed"
    TORN = "torn-json"
    FOREIGN = "not-an-event"
    FIELD = "wrong-field"
    DURATION = "bad-duration"
    TIME = "bad-time"
    NAMELESS = "no-task-name"
    LONG = "too-long"
    BINARY = "binary"
    NUL = "nul-bytes"
    DAMAGED = "damaged-gzip"
    FILTER = "filter-error"

    @property
    def sentence(self) -> str:
        """What people read."""
        return SENTENCES[self]


SENTENCES: Final = {
    Reason.UNKNOWN: "not a known format",
    Reason.MALFORMED: "starts like a known line but is cut short or broken",
    Reason.TORN: "JSON that is cut short or broken",
    Reason.FOREIGN: "JSON, but not an event of slowtask",
    Reason.FIELD: "an event with a field of a wrong type or out of range",
    Reason.DURATION: "a duration that is negative, not a number or too large",
    Reason.TIME: "a date or time that doesn't exist",
    Reason.NAMELESS: "a run without its task's name: its start line is missing or doesn't tell it",
    Reason.LONG: "a line longer than any event",
    Reason.BINARY: "binary data",
    Reason.NUL: "NUL bytes, as a crash leaves them",
    Reason.DAMAGED: "the compressed data is damaged or ends early",
    Reason.FILTER: "the Logstash filter failed on it",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Unparsable:
    """A line, or a part of one, that someone should look at."""

    line: int  #: from 1
    offset: int  #: in the decompressed stream, bytes
    reason: Reason
    text: str  #: its first characters
    detail: str = ""  #: which field, for `Reason.FIELD`

    @property
    def sentence(self) -> str:
        """The reason for people, with its detail."""
        return f"{self.reason.sentence} ({self.detail})" if self.detail else self.reason.sentence


@dataclass(slots=True, kw_only=True)
class Tally:
    """What was met while reading."""

    lines: int = 0
    events: int = 0
    unparsable: Counter[Reason] = field(default_factory=Counter)
    bad: list[tuple[str, Unparsable]] = field(
        default_factory=list
    )  #: the first few, with their source's name
    files: list[Path] = field(default_factory=list)  #: the CSV files that `scan` wrote

    @property
    def chatter(self) -> int:
        """How many lines are known and tell of no run by themselves: starts, tracebacks, banners, blanks."""
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
    call: bytes | None = None  #: RQ's description, to find the start; never part of an event


class Own(msgspec.Struct, gc=False):
    """An event that was written as one of ours."""

    run: Run
    line: int
    offset: int


Item = End | Own | Unparsable


def run_of(end: End, device: int, inode: int) -> Run:
    """The event of *end*; its id is where its line stands."""
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
        error=end.error,
        message=end.message,
    )


def unparsable(reason: Reason, line: bytes, number: int, offset: int, detail: str = "") -> Unparsable:
    """*line* as one that can't be read; only its first characters are kept."""
    text = line[: 4 * EXCERPT].decode(errors="replace")[:EXCERPT]
    return Unparsable(line=number, offset=offset, reason=reason, text=text, detail=detail)


def make_nameless(end: End) -> Unparsable:
    """The line of *end*, whose task nobody named, as one that can't be used."""
    known = f"job {end.id}" if end.id else f"worker {end.worker}"
    return unparsable(Reason.NAMELESS, known.encode(), end.line, end.offset)
