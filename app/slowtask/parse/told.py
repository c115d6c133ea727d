"""PARSE: notice a run that a log tells twice, since two handlers of its logger write to it."""

from typing import Final

from slowtask.parse.items import End
from slowtask.record.event import SECOND

#: Two lines of one run stand at most so many bytes apart: two handlers write them at the same time.
MAX_DISTANCE: Final = 32 * 1024
MIN_REMEMBERED: Final = 1024  #: ends; so many lines don't fit into that distance
WHOLE_SECOND: Final = 1_000_000  #: µs
MAX_DELAY: Final = 2 * WHOLE_SECOND  #: µs from the line with a success's run time to the one without
MAX_LAG: Final = 20_000  #: µs by which a second handler is later than the first


class Told(dict[str, End]):
    """The latest ends of one log, by the ids of their tasks or whatever else names a run."""

    def repeats(self, run: str, end: End) -> bool:
        """Whether *run* was told shortly before with the same *end*; remember it anyway.

        A task that is delivered twice ends at two times, and so is two runs. A time without decimals agrees
        with every one of its second.
        """
        before = self.get(run)
        self[run] = end
        return before is not None and is_same(before, end)

    def has(self, run: str, end: End) -> bool:
        """Whether *run*, which says all of its end, was told shortly before; remember it anyway."""
        before = self.get(run)
        self[run] = end
        return before is not None and end.offset - before.offset <= MAX_DISTANCE

    def knows(self, run: str, end: End) -> bool:
        """Whether *run* was told shortly before: a success in other words, or the same *end*."""
        before = self.get(run)
        if before is None or end.offset - before.offset > MAX_DISTANCE or before.action != end.action:
            return False
        if end.action == "finished":
            return abs(end.timestamp - before.timestamp) <= MAX_DELAY
        return _agree(before, end)

    def trim(self) -> None:
        """Forget all but the latest. A reader calls it after each block, not after each line, for speed."""
        if len(self) > MIN_REMEMBERED:
            latest = list(self.items())[-MIN_REMEMBERED:]
            self.clear()
            self.update(latest)


def is_same(one: End, other: End) -> bool:
    """Whether two lines near each other tell of one end."""
    return (
        one.duration == other.duration
        and one.action == other.action
        and other.offset - one.offset <= MAX_DISTANCE
        and _agree(one, other)
    )


def _agree(one: End, other: End) -> bool:
    """Whether the times of two lines may be one: nearly equal, or equal as far as one of them is exact."""
    if max(one.precision, other.precision) < SECOND:
        return abs(one.timestamp - other.timestamp) <= MAX_LAG
    return one.timestamp // WHOLE_SECOND == other.timestamp // WHOLE_SECOND
