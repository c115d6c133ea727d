"""WATCH: choose which queues and tasks have labels of their own, so that the number of series is bounded.

At the start the tasks with the most worker time in the logs come first, later the first that comes. What has
a label keeps it, so a counter never moves.
"""

from hashlib import sha256
from typing import Final, NamedTuple

from slowtask.units import printable
from slowtask.watch.recent import RecentRun

OTHER: Final = "(other)"  #: what has no label of its own
MAX_LABEL: Final = 200  #: characters
DIGITS: Final = 16  #: of a hash, that tell long names with the same begin from each other
MAX_QUEUES: Final = 50  #: that have a label of their own, whatever their tasks have
MAX_SYSTEMS: Final = 10
MAX_EARLIER: Final = 5_000  #: queues and tasks whose earlier worker time is remembered
MAX_OTHERS: Final = 1_000  #: pairs without labels of their own that are counted; more would take memory


class Place(NamedTuple):
    """Where a run is counted: the values of its labels. What isn't known is empty."""

    system: str
    queue: str
    task: str


class Labels:
    """Gives *limit* pairs of a queue and a task labels of their own, and the others `(other)`."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._earlier: dict[Place, float] = {}  #: seconds of runs before the start
        self._others: set[int] = set()
        self._queues: set[tuple[str, str]] = set()
        self._systems: set[str] = set()
        self._own: set[Place] = set()
        self.places: set[Place] = set()  #: where runs are counted, or will be

    @property
    def others(self) -> int:
        """How many pairs have no label of their own; no more than `MAX_OTHERS` are counted."""
        return len(self._others)

    def note_earlier(self, run: RecentRun) -> None:
        """Remember the worker time of a run that isn't counted."""
        place = make_place(run)
        if place in self._earlier or len(self._earlier) < MAX_EARLIER:
            self._earlier[place] = self._earlier.get(place, 0.0) + (run.took or 0.0)

    def settle(self) -> None:
        """Give the labels that are free to what had most worker time earlier."""
        for place in sorted(self._earlier, key=lambda each: (-self._earlier[each], each)):
            self._find(place)
        self._earlier.clear()

    def find(self, run: RecentRun) -> Place:
        """Where to count *run*."""
        if self._earlier:
            self.settle()
        return self._find(make_place(run))

    def _find(self, place: Place) -> Place:
        """Where to count what would be counted at *place* if there were no limit."""
        if place in self._own:
            return place
        found = self._assign(place)
        self.places.add(found)
        return found

    def _assign(self, place: Place) -> Place:
        """Give *place* labels of its own while there are some, else those that it shares."""
        queue_has_label = self._has_label(place)
        if len(self._own) < self._limit:
            self._own.add(place)
            return place
        if len(self._others) < MAX_OTHERS:
            self._others.add(hash(place))
        if queue_has_label:
            return place._replace(task=OTHER)
        known = place.system in self._systems
        return Place(place.system if known else OTHER, OTHER, OTHER)

    def _has_label(self, place: Place) -> bool:
        """Whether the queue of *place* has a label of its own; it gets one while there are some."""
        if len(self._systems) < MAX_SYSTEMS:
            self._systems.add(place.system)
        queue = place.system, place.queue
        if place.system in self._systems and len(self._queues) < MAX_QUEUES:
            self._queues.add(queue)
        return queue in self._queues


def make_place(run: RecentRun) -> Place:
    """The labels that *run* would have if there were no limit."""
    return Place(make_label(run.system), make_label(run.queue), make_label(run.task))


def make_label(text: str | None) -> str:
    r"""Make a value of a label of an untrusted *text*: printable, bounded, and never `(other)`."""
    label = printable(text or "")
    if len(label) > MAX_LABEL:
        digest = sha256(label.encode()).hexdigest()[:DIGITS]
        label = f"{label[: MAX_LABEL - DIGITS - 1]}…{digest}"
    return f"\\{label}" if label == OTHER else label
