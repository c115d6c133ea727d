"""Say what the figures don't tell: lines of other programs, guessed dates, and whole hours."""

from collections.abc import Iterable, Sequence

from slowtask.parse.sources import STDIN_NAME
from slowtask.store import FromHistory, Guess
from slowtask.units import plural, printable


def describe_others(others: Iterable[tuple[str, int]]) -> str:
    """Count lines of other programs: `3 lines of other programs: web server 2, other 1`; empty: none."""
    counts = sorted(((count, kind) for kind, count in others if count), reverse=True)
    kinds = ", ".join(f"{kind} {count:,}" for count, kind in counts)
    return f"{plural(sum(count for count, _ in counts), 'line')} of other programs: {kinds}" if counts else ""


def describe_guess(guessed: Sequence[Guess]) -> str:
    """Say of which logs the dates were guessed; empty: of none."""
    if not guessed:
        return ""
    (name, day), *others = guessed
    logs = f"{printable(name)} and {plural(len(others), 'more log')}" if others else printable(name)
    way = "the present day" if name == STDIN_NAME else "the file's last change"
    return f"lines of {logs} without a full date begin on {day}, by {way}: --date sets it"


def describe_history(history: FromHistory | None) -> str:
    """Say what comes from the whole hours of a history; empty: nothing."""
    if history is None:
        return ""
    moved = [
        f"{verb} at {time:%Y-%m-%d %H:%M}"
        for verb, time in (("begins", history.since_moved), ("ends", history.until_moved))
        if time is not None
    ]
    parts = [f"figures before {history.until:%Y-%m-%d %H:%M} UTC come from whole hours of the history"]
    parts += [f"so the period {' and '.join(moved)}"] if moved else []
    lost = "; a month of its logs is missing: name all its files, or run slowtask rollup again"
    return ", ".join(parts) + lost * history.unfinished
