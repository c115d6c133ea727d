"""RQ's runs, put together from the lines that tell of their start, their time and their end.

RQ 1 tells start and end by job id, in whole seconds. RQ 2 and later add a line with the exact time and
the worker, but without id. One end is made of them all. Where a log is read in pieces, what a piece
can't settle by itself is left, in order, to be replayed on what the pieces before it left.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final

import msgspec

from slowtask.parse.items import End
from slowtask.record.event import SECOND

LOOK_BACK: Final = 1000  #: starts of one worker that are compared
LIMIT: Final = 100_000  #: starts kept without an end: jobs of killed workers never get one


class Start(msgspec.Struct, kw_only=True, gc=False):
    """A job taken from its queue."""

    line: int
    offset: int
    timestamp: int
    id: str
    queue: str
    worker: str | None
    task: str | None
    call: bytes | None


Mark = tuple[int, str, Any]  #: offset, the method of `Jobs` to call, its argument


class Jobs:
    """Pairs starts and ends. *emit* gets each finished end, *nameless* each that no task is known of."""

    def __init__(
        self, emit: Callable[[End], object], nameless: Callable[[End], object], *, partial: bool = False
    ) -> None:
        self._emit = emit
        self._nameless = nameless
        self._partial = partial  #: a piece of a log: leave what needs the pieces before it
        self._left: list[Mark] = []
        self._pending: OrderedDict[str, Start] = OrderedDict()
        self._running: dict[str | None, list[Start]] = {}  #: by worker, latest last
        self._settled: OrderedDict[str, int] = OrderedDict()  #: told with their time; "Job OK" still to come
        self._held: OrderedDict[str | None, End] = OrderedDict()  #: told with their time, without a start

    def start(self, start: Start) -> None:
        """A job begins."""
        if start.id in self._pending:
            self._take(self._pending[start.id])
        self._pending[start.id] = start
        self._running.setdefault(start.worker, []).append(start)
        if len(self._pending) > LIMIT:
            self._take(next(iter(self._pending.values())))

    def done(self, end: End) -> None:
        """A job succeeded: its time and worker are told, but (but for one case) not its id."""
        start = self._pending.get(end.id) if end.id else self._latest(end.worker, end.call)
        if start is not None:
            self._take(start)
            self.settle(start.id, end.offset)
            self._finish(end, start)
        elif self._partial:
            self._left.append((end.offset, "done", end))
        else:
            self._hold(end)

    def settle(self, job: str, offset: int = 0) -> None:
        """The next "Job OK" of *job* tells nothing new."""
        self._settled[job] = offset
        if len(self._settled) > LIMIT:
            self._settled.popitem(last=False)

    def told(self, job: str) -> bool:
        """Whether the "Job OK" of *job* tells nothing new."""
        return self._settled.pop(job, None) is not None

    def ok(self, end: End) -> None:
        """A job succeeded: its id is told, but not its time."""
        job = end.id or ""
        if self.told(job):
            return
        if (start := self._pending.get(job)) is not None:
            self._take(start)
            self._finish(end, start)
        elif self._partial:
            self._left.append((end.offset, "ok", end))
        else:
            self._finish(self._joined(end), None)

    def ended(self, end: End) -> None:
        """A job failed, was killed, stopped or put back."""
        start = self._pending.get(end.id) if end.id else self._latest(end.worker, None)
        if start is not None:
            self._take(start)
            self._finish(end, start)
        elif self._partial:
            self._left.append((end.offset, "ended", end))
        elif end.task is not None or end.action not in ("retried", "abandoned"):
            self._finish(end, None)

    def finish(self) -> None:
        """The log is over: what was held back is told as far as it is known."""
        while self._held:
            self._finish(self._held.popitem(last=False)[1], None)

    def left(self) -> list[Mark]:
        """What a piece of a log leaves to be replayed, in the order of its lines."""
        starts: list[Mark] = [(each.offset, "start", each) for each in self._pending.values()]
        settled: list[Mark] = [(offset, "settle", job) for job, offset in self._settled.items()]
        return sorted(self._left + starts + settled, key=lambda mark: mark[0])

    def replay(self, marks: list[Mark]) -> None:
        """Take up what a piece of the log left."""
        for _, method, argument in marks:
            getattr(self, method)(argument)

    def _latest(self, worker: str | None, call: bytes | None) -> Start | None:
        """The start that an end without an id belongs to: a worker runs one job at a time."""
        if len(self._running) == 1 and worker in self._running:
            return _last(self._running[worker], call)
        named = _last(self._running.get(worker, ()), call) if worker else None
        bare = _last(self._running.get(None, ()), call)
        if named is not None and bare is not None:
            return max(named, bare, key=lambda start: start.offset)
        return named or bare

    def _take(self, start: Start) -> None:
        """*start* has found its end."""
        del self._pending[start.id]
        starts = self._running[start.worker]
        if starts[-1] is start:
            starts.pop()
        else:
            del starts[next(at for at, each in enumerate(starts) if each is start)]
        if not starts:
            del self._running[start.worker]

    def _hold(self, end: End) -> None:
        """Wait for the "Job OK" of *end*; an older one of this worker has waited in vain."""
        if end.worker in self._held:
            self._finish(self._held.pop(end.worker), None)
        self._held[end.worker] = end
        if len(self._held) > LIMIT:
            self._finish(self._held.popitem(last=False)[1], None)

    def _joined(self, end: End) -> End:
        """The "Job OK" *end* with the time that its worker's last line told, if one did."""
        worker = end.worker if end.worker in self._held else None
        if worker is None and (end.worker or not self._held):
            return end
        held = self._held.pop(worker or next(reversed(self._held)))
        held.id, held.queue = end.id, end.queue
        return held

    def _finish(self, end: End, start: Start | None) -> None:
        """Tell of *end*, with what its *start* knows."""
        if start is not None:
            _complete(end, start)
        end.call = None
        if end.task is None:
            self._nameless(end)
        else:
            self._emit(end)


def _last(starts: list[Start] | tuple[()], call: bytes | None) -> Start | None:
    """The latest of *starts* that is a run of *call*; its own call may not be known."""
    for start in starts[:-LOOK_BACK:-1]:
        if call is None or start.call is None or start.call == call:
            return start
    return None


def _complete(end: End, start: Start) -> None:
    """Add to *end* what its *start* knows. A time between two whole seconds is so by ± 1 s."""
    end.id, end.queue, end.start = start.id, start.queue, start.timestamp
    end.task, end.worker = end.task or start.task, end.worker or start.worker
    if end.duration is None:
        end.duration = max(0, end.timestamp - start.timestamp) * 1000
        end.margin = SECOND
