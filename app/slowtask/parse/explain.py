"""PARSE: explain one line: its layers, and the run that comes of it or the reason why none does.

The run is what a reader makes of the line, so that the explanation is always true.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Final

from slowtask.parse.chatter import Kind, find_kind
from slowtask.parse.custom import CustomFormat
from slowtask.parse.format import COLOUR
from slowtask.parse.items import End, Item, OwnRun, Reason, Unparsable, to_run
from slowtask.parse.layers import OWN_HEAD, Layer, find_layers
from slowtask.parse.reader import Reader
from slowtask.parse.sentences import NOTES
from slowtask.parse.strange import advise
from slowtask.parse.times import DateTracker
from slowtask.parse.wrappers import find_wrappers
from slowtask.record.event import Run

TIMED: Final = ":time}"  #: a sketch finds the time of the line
#: Reasons in other words, where a single line is read rather than a log.
REASONS: Final = {
    Reason.STRANGE: "it has no sentence of RQ or Celery",
    Reason.UNKNOWN: "it may tell of a run, but not in a sentence that is known",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """How a line is read."""

    layers: tuple[Layer, ...]
    run: Run | None  #: what comes of it
    reason: str  #: why no run comes of it
    advice: tuple[str, ...]  #: how it may be read
    known: bool  #: it is read, or holds no run
    guessed: bool  #: the date of the run was guessed


def explain(
    line: bytes, days: Callable[[int], DateTracker], zone: tzinfo, custom: CustomFormat
) -> Explanation:
    """Explain *line*, read by itself. *days* and *zone* are those of `Reader`."""
    out: list[Item] = []
    reader = Reader(out, days, zone, custom=custom)
    reader.read([line])
    reader.finish()
    layers = tuple(find_layers(line, custom))
    bad = next((each for each in out if isinstance(each, Unparsable)), None)
    run = next((_make_run(each) for each in out if not isinstance(each, Unparsable)), None)
    return Explanation(
        layers=layers,
        run=run,
        reason="" if run else _find_reason(line, bad, layers),
        advice=() if run or bad is None else tuple(_find_advice(line, bad, layers, custom)),
        known=run is not None or bad is None,
        guessed=reader.guessed is not None,
    )


def _make_run(item: End | OwnRun) -> Run:
    """The run that *item* is."""
    return item.run if isinstance(item, OwnRun) else to_run(item, 0, 0)


def _find_reason(line: bytes, bad: Unparsable | None, layers: Sequence[Layer]) -> str:
    """Why no run comes of *line*; *bad* is what is reported of it."""
    if bad is None:
        notes = (NOTES[each.pattern] for each in layers if each.pattern in NOTES)
        return next(notes, "a line that is known to hold none")
    if _is_of_another(line, bad):
        return f"it looks like a line of another program: {find_kind(line)}"
    return REASONS.get(bad.reason, bad.sentence)


def _find_advice(
    line: bytes, bad: Unparsable, layers: Sequence[Layer], custom: CustomFormat
) -> Iterator[str]:
    """Yield how *line* may be read, if another format than those that are known does."""
    if bad.reason not in (*REASONS, Reason.UNTIMED) or _is_of_another(line, bad):
        return
    if custom.head and not any(each.pattern == OWN_HEAD for each in layers):
        yield f"{OWN_HEAD} doesn't match it"
    text = COLOUR.sub(b"", line)
    for _, _, inner in find_wrappers(text):
        text = inner
    yield from (each for each in advise(text, custom) if TIMED in each or bad.reason is not Reason.UNTIMED)


def _is_of_another(line: bytes, bad: Unparsable) -> bool:
    """Whether *line* is one that a web server or the like writes."""
    return bad.reason is Reason.STRANGE and find_kind(line) is not Kind.OTHER
