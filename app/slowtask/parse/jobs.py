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
from slowtask.record.event import SECOND

MAX_COMPARED_STARTS: Final = 1000  #: of one worker, latest first
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


#: What a piece can't pair: the offset of its line, the method of `Jobs` to call, its argument.
Leftover = tuple[int, str, Any]


class Jobs:
    """Pairs starts and ends. *emit* gets each finished end, *nameless* each end without a known task."""

    def __init__(
        self, emit: Callable[[End], object], nameless: Callable[[End], object], *, partial: bool = False
    ) -> None:
        self._emit = emit
        self._nameless = nameless
        self._partial = partial  #: this is a piece of a log: leave over what needs the pieces before it
        self._leftovers: list[Leftover] = []
        self._pending: OrderedDict[str, Start] = OrderedDict()
        self._running: dict[str | None, list[Start]] = {}  #: by worker, latest last
        self._expected_oks: OrderedDict[str, int] = (
            OrderedDict()
        )  #: jobs that are reported with their run time and whose "Job OK" is still to come, with offset
        self._held: OrderedDict[str | None, End] = (
            OrderedDict()
        )  #: ends with a run time but no start, by worker

    def record_start(self, start: Start) -> None:
        """Note that a job began."""
        if start.id in self._pending:
            self._remove(self._pending[start.id])
        self._pending[start.id] = start
        self._running.setdefault(start.worker, []).append(start)
        if len(self._pending) > MAX_OPEN_JOBS:
            self._remove(next(iter(self._pending.values())))

    def record_success(self, end: End) -> None:
        """Take a success with run time and worker, and mostly without the job's id."""
        start = self._pending.get(end.id) if end.id else self._find_start(end.worker, end.call)
        if start is not None:
            self._remove(start)
            self.expect_ok(start.id, end.offset)
            self._finish(end, start)
        elif self._partial:
            self._leftovers.append((end.offset, "record_success", end))
        else:
            self._hold(end)

    def expect_ok(self, job: str, offset: int = 0) -> None:
        """Note that the next "Job OK" of *job* tells nothing new."""
        self._expected_oks[job] = offset
        if len(self._expected_oks) > MAX_OPEN_JOBS:
            self._expected_oks.popitem(last=False)

    def drop_expected_ok(self, job: str) -> bool:
        """Whether the "Job OK" of *job* tells nothing new; true only once."""
        return self._expected_oks.pop(job, None) is not None

    def record_ok(self, end: End) -> None:
        """Take a "Job OK": a success with the job's id, without run time."""
        job = end.id or ""
        if self.drop_expected_ok(job):
            return
        if (start := self._pending.get(job)) is not None:
            self._remove(start)
            self._finish(end, start)
        elif self._partial:
            self._leftovers.append((end.offset, "record_ok", end))
        else:
            self._finish(self._join_held(end), None)

    def record_failure(self, end: End) -> None:
        """Take the end of a job that failed, was killed, stopped or put back."""
        start = self._pending.get(end.id) if end.id else self._find_start(end.worker, None)
        if start is not None:
            self._remove(start)
            self._finish(end, start)
        elif self._partial:
            self._leftovers.append((end.offset, "record_failure", end))
        elif end.task is not None or end.action not in ("retried", "abandoned"):
            self._finish(end, None)

    def finish(self) -> None:
        """Emit the ends that still wait for a "Job OK": the log is over."""
        while self._held:
            self._finish(self._held.popitem(last=False)[1], None)

    def leftovers(self) -> list[Leftover]:
        """What this piece of a log couldn't pair, in the order of its lines."""
        starts: list[Leftover] = [(start.offset, "record_start", start) for start in self._pending.values()]
        expected: list[Leftover] = [(offset, "expect_ok", job) for job, offset in self._expected_oks.items()]
        return sorted(self._leftovers + starts + expected, key=lambda leftover: leftover[0])

    def replay(self, leftovers: list[Leftover]) -> None:
        """Pair what a later piece of the log left over."""
        for _, method, argument in leftovers:
            getattr(self, method)(argument)

    def _find_start(self, worker: str | None, call: bytes | None) -> Start | None:
        """Find the start of an end without id: a worker runs one job at a time."""
        if len(self._running) == 1 and worker in self._running:
            return _find_latest(self._running[worker], call)
        named = _find_latest(self._running.get(worker, ()), call) if worker else None
        bare = _find_latest(self._running.get(None, ()), call)
        if named is not None and bare is not None:
            return max(named, bare, key=lambda start: start.offset)
        return named or bare

    def _remove(self, start: Start) -> None:
        """Forget *start*: its end was found."""
        del self._pending[start.id]
        starts = self._running[start.worker]
        if starts[-1] is start:
            starts.pop()
        else:
            del starts[next(at for at, each in enumerate(starts) if each is start)]
        if not starts:
            del self._running[start.worker]

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
        end.call = None
        if end.task is None:
            self._nameless(end)
        else:
            self._emit(end)


def _find_latest(starts: list[Start] | tuple[()], call: bytes | None) -> Start | None:
    """Find the latest of *starts* whose call is *call*, as far as both are known."""
    for start in starts[:-MAX_COMPARED_STARTS:-1]:
        if call is None or start.call is None or start.call == call:
            return start
    return None


def _complete(end: End, start: Start) -> None:
    """Complete *end* by its *start*. A run time between two whole seconds is exact to ± 1 s."""
    end.id, end.queue, end.start = start.id, start.queue, start.timestamp
    end.task, end.worker = end.task or start.task, end.worker or start.worker
    if end.duration is None:
        end.duration = max(0, end.timestamp - start.timestamp) * 1000
        end.margin = SECOND
