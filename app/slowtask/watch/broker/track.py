"""Compare a poll of a broker with those before: what it lost, refused and evicted, and how slow it was."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Final

from slowtask.watch.broker import Poll, Queue
from slowtask.watch.broker.facts import ServerFacts

WINDOW: Final = 60.0  #: seconds over which refused writes, evicted keys and slow answers are remembered
EMPTIED_WINDOW: Final = 600.0  #: seconds for which lost data is remembered
FAILED_WINDOW: Final = 3600.0  #: seconds over which the growth of the failed jobs is measured
FAILED_INTERVAL: Final = 60.0  #: seconds between two of their counts that are remembered
MAX_ANSWERS: Final = 120  #: answers that the usual time is taken of
MIN_ANSWERS: Final = 5
MIN_SLOW_SECONDS: Final = 2.0  #: an answer is slow from here on
SLOW_FACTOR: Final = 5.0  #: and from this multiple of the usual time on
#: Of the keys that were there: fewer after a restart mean that data is lost.
MIN_KEPT_SHARE: Final = 0.5
#: The same without a restart, where keys may also have expired, or been deleted one by one.
MIN_KEPT_SHARE_RUNNING: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Emptied:
    """A server lost its data between two polls."""

    time: int  #: µs since the epoch: of the first poll that found it
    restarted: bool  #: or replaced by another server
    queues: Sequence[Queue]  #: as they were: those that had jobs and have none now, the deepest first
    workers: int  #: that were registered, if none is now; else 0
    keys: int  #: that were there
    kept_keys: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowAnswer:
    """A poll that the server was slow to answer."""

    time: int  #: µs since the epoch: of that poll
    took: float  #: seconds
    usual: float | None  #: seconds: the median of the polls before; None if there were too few


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What happened to a server in the polls up to one."""

    span: float = 0.0  #: seconds over which *refused* and *evicted* were counted, `WINDOW` at most
    refused: Mapping[str, int] = field(default_factory=dict)  #: writes, by the first word of the error
    evicted: int = 0  #: keys
    slow: SlowAnswer | None = None  #: the slowest answer of the last `WINDOW`
    emptied: Emptied | None = None  #: data lost in the last `EMPTIED_WINDOW`
    failed: tuple[int, int] = (0, 0)  #: failed jobs `FAILED_WINDOW` ago, or at the first poll, and now
    restarted: bool = False  #: since the poll before, or replaced by another server


class ChangeTracker:
    """Remembers of a broker's polls what the next one is compared with."""

    def __init__(self) -> None:
        self._before: Poll | None = None
        self._facts: deque[tuple[int, ServerFacts]] = deque()  #: of one run of the server, by time
        self._answers: deque[float] = deque(maxlen=MAX_ANSWERS)  #: seconds
        self._slow: deque[SlowAnswer] = deque()
        self._emptied: Emptied | None = None
        self._failed: deque[tuple[int, int]] = deque()  #: failed jobs, by time

    def add(self, poll: Poll) -> Changes:
        """Return what happened up to *poll*, and remember it."""
        before, self._before = self._before, poll
        restarted = before is not None and has_restarted(before, poll)
        if before is not None:
            self._emptied = find_emptied(before, poll) or self._emptied
        span, refused, evicted = self._count(poll, restarted=restarted)
        return Changes(
            span=span,
            refused=refused,
            evicted=evicted,
            slow=self._find_slow(poll),
            emptied=self._emptied if is_recent(self._emptied, poll, EMPTIED_WINDOW) else None,
            failed=self._count_failed(poll),
            restarted=restarted,
        )

    def _count_failed(self, poll: Poll) -> tuple[int, int]:
        """Return how many failed jobs there were at most `FAILED_WINDOW` ago, and are now."""
        now = sum(queue.failed or 0 for queue in poll.queues)
        if not self._failed or poll.time - self._failed[-1][0] >= FAILED_INTERVAL * 1e6:
            self._failed.append((poll.time, now))
        while poll.time - self._failed[0][0] > FAILED_WINDOW * 1e6:
            self._failed.popleft()
        return self._failed[0][1], now

    def _count(self, poll: Poll, *, restarted: bool) -> tuple[float, dict[str, int], int]:
        """Return the seconds of the window, and the writes refused and the keys evicted in it."""
        if restarted or poll.server_facts is None:
            self._facts.clear()
        if poll.server_facts is None:
            return 0.0, {}, 0
        self._facts.append((poll.time, poll.server_facts))
        while len(self._facts) > 2 and poll.time - self._facts[0][0] > WINDOW * 1e6:  # noqa: PLR2004 - a span
            self._facts.popleft()
        start, first = self._facts[0]
        last = poll.server_facts
        refused = {error: count - first.refused.get(error, 0) for error, count in last.refused.items()}
        evicted = (last.evicted_keys or 0) - (first.evicted_keys or 0)
        return (poll.time - start) / 1e6, {each: n for each, n in refused.items() if n > 0}, max(0, evicted)

    def _find_slow(self, poll: Poll) -> SlowAnswer | None:
        """Return the slowest of the slow answers up to that of *poll*."""
        usual = median(self._answers) if len(self._answers) >= MIN_ANSWERS else None
        self._answers.append(poll.took)
        if poll.took >= max(MIN_SLOW_SECONDS, SLOW_FACTOR * (usual or 0.0)):
            self._slow.append(SlowAnswer(time=poll.time, took=poll.took, usual=usual))
        while self._slow and not is_recent(self._slow[0], poll, WINDOW):
            self._slow.popleft()
        return max(self._slow, key=lambda answer: answer.took, default=None)


def is_recent(event: Emptied | SlowAnswer | None, poll: Poll, window: float) -> bool:
    """Whether *event* was at most *window* seconds before *poll*; not if the clock was set back meanwhile."""
    return event is not None and 0 <= poll.time - event.time <= window * 1e6


def has_restarted(before: Poll, now: Poll) -> bool:
    """Whether the server restarted between two polls, or is another one."""
    old, new = before.server_facts, now.server_facts
    if old is None or new is None:
        return False
    if old.run_id and new.run_id:
        return old.run_id != new.run_id
    return new.uptime is not None and old.uptime is not None and new.uptime < old.uptime


def find_emptied(before: Poll, now: Poll) -> Emptied | None:
    """Return what was lost between two polls; None if the data was kept, or there was none."""
    old, new = before.server_facts, now.server_facts
    if old is None or new is None or not old.keys:
        return None
    queues, restarted = _lost_queues(before, now), has_restarted(before, now)
    workers = 0 if now.workers else len(before.workers)
    loaded = _count_loaded(new, (now.time - before.time) / 1e6) if restarted else None
    share = max(new.keys or 0, loaded or 0) / old.keys
    if restarted:
        lost = share < MIN_KEPT_SHARE or (loaded == 0 and bool(queues or workers))
    else:
        lost = share <= MIN_KEPT_SHARE_RUNNING and bool(queues) and not any(map(_depth, now.queues))
    if not lost:
        return None
    return Emptied(
        time=now.time,
        restarted=restarted,
        queues=queues,
        workers=workers,
        keys=old.keys,
        kept_keys=new.keys or 0,
    )


def _lost_queues(before: Poll, now: Poll) -> list[Queue]:
    """Return the queues that had jobs and have none now, as they were, the deepest first."""
    depths = {queue.name: queue.depth for queue in now.queues}
    return sorted(
        (queue for queue in before.queues if queue.depth and not depths.get(queue.name)),
        key=_depth,
        reverse=True,
    )


def _depth(queue: Queue) -> int:
    """Return how many jobs wait in *queue*."""
    return queue.depth


def _count_loaded(facts: ServerFacts, seconds: float) -> int | None:
    """Return the keys that a server loaded that started in the last *seconds*; None if that isn't known."""
    started = facts.uptime is not None and facts.uptime <= seconds + 1  # a whole number of seconds
    return facts.loaded_keys if started else None
