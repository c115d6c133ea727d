"""PARSE: pair the lines that tell of a run's start, its run time and its end.

RQ 1 logs start and end with the job's id, in whole seconds. RQ 2 and later add a line with the exact run
time and the worker, but without the id. If a log is read in pieces, what a piece can't pair by itself is
left over, and is replayed in order on what the pieces before it left.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final

import msgspec

from slowtask.parse.items import End
from slowtask.parse.told import WHOLE_SECOND, Told
from slowtask.record.event import LONG_MAX, SECOND

MAX_COMPARED_STARTS: Final = 1000  #: of one worker, latest first
ELLIPSIS: Final = b"..."  #: where RQ cut a description
MAX_OPEN_JOBS: Final = 100_000  #: starts kept without an end; a killed worker's jobs never get one


class Start(msgspec.Struct, kw_only=True, gc=False):
    """A worker took a job from its queue."""

    line: int
    offset: int
    timestamp: int
    id: str
    queue: str
    worker: str | None
    task: str | None
    call: bytes | None
    stream: str | None = None
    precision: int = SECOND  #: ns
    sure: bool = True  #: False: a line of a job's own may look so, and only its id tells


#: What a piece can't pair: the offset of its line, the method of `Jobs` to call, its argument.
Leftover = tuple[int, str, Any]


class Jobs:
    """Pairs starts and ends. *emit* gets each finished end, *nameless* each end without a known task."""

    def __init__(
        self,
        emit: Callable[[End], object],
        nameless: Callable[[End], object],
        *,
        partial: bool = False,
        told: Told | None = None,
    ) -> None:
        self._emit = emit
        self._nameless = nameless
        self._told = Told() if told is None else told
        self._begun: frozenset[str] = (
            frozenset()
        )  #: jobs that began before this piece and after they were told
        self.doubled = False  #: two handlers log each line
        self._partial = partial  #: this is a piece of a log: leave over what needs the pieces before it
        self._leftovers: list[Leftover] = []
        self._pending: OrderedDict[str, Start] = OrderedDict()
        self._running: dict[str | None, list[Start]] = {}  #: by worker, latest last
        self.expected_oks: OrderedDict[str, int] = (
            OrderedDict()
        )  #: jobs that are reported with their run time and whose "Job OK" is still to come, with offset
        self._held: OrderedDict[str | None, End] = (
            OrderedDict()
        )  #: ends with a run time but no start, by worker

    def record_start(self, start: Start) -> None:
        """Note that a job began."""
        if start.id in self._pending:
            self.doubled |= (
                start.timestamp // WHOLE_SECOND == self._pending[start.id].timestamp // WHOLE_SECOND
            )
            self._remove(self._pending[start.id])
        self._pending[start.id] = start
        self._running.setdefault(start.worker or start.stream, []).append(start)
        if len(self._pending) > MAX_OPEN_JOBS:
            self._remove(next(iter(self._pending.values())))

    def record_success(self, end: End) -> None:
        """Take a success with run time and worker, and mostly without the job's id."""
        if self.doubled and self._is_repeated(end):
            return
        start = self._pending.get(end.id) if end.id else self._find_start(end, end.call)
        if start is not None:
            self._remove(start)
            self.expect_ok(start.id, end.offset)
            self._finish(end, start)
        elif self._partial:
            self._leave(end, "record_success")
        else:
            self._hold(end)

    def expect_ok(self, job: str, offset: int = 0) -> None:
        """Note that the next "Job OK" of *job* tells nothing new."""
        self.expected_oks[job] = offset + 1  # never 0, so that what `pop` returns is true
        if len(self.expected_oks) > MAX_OPEN_JOBS:
            self.expected_oks.popitem(last=False)

    def drop_expected_ok(self, job: str) -> bool:
        """Whether the "Job OK" of *job* tells nothing new; true only once."""
        return self.expected_oks.pop(job, 0) > 0

    def record_ok(self, end: End) -> None:
        """Take a "Job OK": a success with the job's id, without run time."""
        job = end.id or ""
        if self.drop_expected_ok(job):
            return
        if (start := self._pending.get(job)) is not None:
            self._remove(start)
            self._finish(end, start)
        elif self._is_told(end):
            return
        elif self._partial:
            self._leave(end, "record_ok")
        else:
            self._finish(self._join_held(end), None)

    def record_failure(self, end: End) -> None:
        """Take the end of a job that failed, was killed, stopped or put back."""
        if self.doubled and self._is_repeated(end):
            return
        start = self._pending.get(end.id) if end.id else self._find_start(end, None)
        if start is not None:
            self._remove(start)
            self._finish(end, start)
        elif end.id and self._is_told(end):
            return
        elif self._partial:
            self._leave(end, "record_failure")
        elif end.task is not None or end.action not in ("retried", "abandoned"):
            self._finish(end, None)

    def record_name(self, job: str, task: str) -> None:
        """Note the name of a job whose start didn't tell it."""
        start = self._pending.get(job)
        if start is not None and start.task is None:
            start.task = task

    def has_started(self, stream: str | None) -> bool:
        """Whether a job has started in *stream* and not yet ended, as far as its worker isn't named."""
        return bool(self._running.get(stream))

    def finish(self) -> None:
        """Emit the ends that still wait for a "Job OK": the log is over."""
        while self._held:
            self._finish(self._held.popitem(last=False)[1], None)

    def held_offsets(self) -> list[int]:
        """Where the ends stand that still wait for a "Job OK"."""
        return [end.offset for end in self._held.values()]

    def leftovers(self) -> list[Leftover]:
        """What this piece of a log couldn't pair, in the order of its lines."""
        starts: list[Leftover] = [(start.offset, "record_start", start) for start in self._pending.values()]
        expected: list[Leftover] = [(place - 1, "expect_ok", job) for job, place in self.expected_oks.items()]
        doubled: list[Leftover] = [(-1, "mark_doubled", True)] if self.doubled else []
        return sorted(doubled + self._leftovers + starts + expected, key=lambda leftover: leftover[0])

    def replay(self, leftovers: list[Leftover]) -> None:
        """Pair what a later piece of the log left over."""
        for _, method, argument in leftovers:
            getattr(self, method)(argument)

    def adopt(self, earlier: "Jobs") -> None:
        """Go on with what *earlier*, which read the lines before, knew at their end."""
        self.doubled |= earlier.doubled
        self._begun = frozenset(earlier._pending)  # noqa: SLF001 - of the same class

    def _is_told(self, end: End) -> bool:
        """Whether *end*, whose job hasn't begun again, was told shortly before."""
        return end.id not in self._begun and self._told.knows(end.id or "", end)

    def mark_doubled(self, doubled: bool) -> None:  # noqa: FBT001 - replayed by name
        """Note whether two handlers log each line."""
        self.doubled |= doubled

    def _leave(self, end: End, method: str) -> None:
        """Leave *end* over for the pieces before this one."""
        self._leftovers.append((end.offset, method, end))
        if end.id:
            self._told[end.id] = end

    def _is_repeated(self, end: End) -> bool:
        """Whether *end*, which has no id, is the second telling of one, in a log that tells all twice."""
        if end.id:
            return False
        second = end.timestamp // WHOLE_SECOND
        run = f"{end.worker or end.stream} {end.action} {end.call!r} {end.duration} {second}"
        return self._told.has(run, end)

    def _find_start(self, end: End, call: bytes | None) -> Start | None:
        """Find the start of an end without id: a worker runs one job at a time."""
        worker, stream = end.worker, end.stream
        if len(self._running) == 1 and (starts := self._running.get(worker)):
            return starts[-1] if call is not None and starts[-1].call == call else _find_latest(starts, call)
        named = _find_latest(self._running.get(worker, ()), call) if worker else None
        bare = _find_latest(self._running.get(stream, ()), call)
        if named is not None and bare is not None:
            return max(named, bare, key=lambda start: start.offset)
        return named or bare

    def _remove(self, start: Start) -> None:
        """Forget *start*: its end was found."""
        del self._pending[start.id]
        worker = start.worker or start.stream
        starts = self._running[worker]
        if starts[-1] is start:
            starts.pop()
        else:
            del starts[next(at for at, each in enumerate(starts) if each is start)]
        if not starts:
            del self._running[worker]

    def _hold(self, end: End) -> None:
        """Wait for the "Job OK" of *end*. An older end of this worker won't get one any more."""
        if end.worker in self._held:
            self._finish(self._held.pop(end.worker), None)
        self._held[end.worker] = end
        if len(self._held) > MAX_OPEN_JOBS:
            self._finish(self._held.popitem(last=False)[1], None)

    def _join_held(self, end: End) -> End:
        """Join the "Job OK" *end* with the run time of its worker's last line, if there is one."""
        worker = end.worker if end.worker in self._held else None
        if worker is None and (end.worker or not self._held):
            return end
        held = self._held.pop(worker or next(reversed(self._held)))
        held.id, held.queue = end.id, end.queue
        return held

    def _finish(self, end: End, start: Start | None) -> None:
        """Emit *end*, completed by its *start*."""
        if start is not None:
            _complete(end, start)
        if end.id:
            self._told[end.id] = end
        end.call = None
        if end.task is None:
            self._nameless(end)
        else:
            self._emit(end)


def _find_latest(starts: list[Start] | tuple[()], call: bytes | None) -> Start | None:
    """Find the latest of *starts* whose call is *call*, as far as both are known."""
    for start in starts[:-MAX_COMPARED_STARTS:-1]:
        if start.sure if call is None else start.call is None or _is_same_call(start.call, call):
            return start
    return None


def _is_same_call(start: bytes, end: bytes) -> bool:
    """Whether two descriptions are of one job; RQ shortens that of the start."""
    return start == end or (ELLIPSIS in start and end.startswith(start.partition(ELLIPSIS)[0]))


def _complete(end: End, start: Start) -> None:
    """Complete *end* by its *start*. A run time between two whole seconds is exact to ± 1 s.

    It stays unknown if it is longer than a run can be: then one of the two times is wrong.
    """
    end.id, end.queue, end.start = start.id, start.queue, start.timestamp
    end.task, end.worker = end.task or start.task, end.worker or start.worker
    took = max(0, end.timestamp - start.timestamp) * 1000
    if end.duration is None and took <= LONG_MAX:
        end.duration, end.margin = took, max(start.precision, end.precision)
