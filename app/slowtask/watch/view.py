"""WATCH: polls a broker again and again, and judges each poll.

`Watch.poll` gives a `View`: all that `slowtask status` shows, and what `slowtask monitor` writes as samples
and makes findings of.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final
from zlib import crc32

from slowtask.errors import BrokerError
from slowtask.record.event import SECOND
from slowtask.watch import judge
from slowtask.watch.broker import Broker, Owner, Poll, Queue, Waiting
from slowtask.watch.broker.flow import Flow, FlowState, flows
from slowtask.watch.judge import Blame, Capacity, Forecast, Overrun, Typical
from slowtask.watch.settings import Thresholds

SEEN: Final = 2401  #: jobs of a queue that are looked at: shares are right within ± 2 %, 95 times in 100
KEPT: Final = 120  #: polls that a forecast is made from
KEYS: Final = 300  #: that are looked at to see who owns the memory
OWNED: Final = 12  #: polls after which that, and what waits in a queue, is asked again
BUDGET: Final = 24_000  #: jobs of all queues together that are looked at in so many polls
FEWEST: Final = 100  #: of one queue
AVERAGED: Final = 12  #: polls that rates are taken over: a minute, at one in five seconds
FULLEST: Final = 8  #: limits that forecasts are made for
DEEP: Final = 1  #: jobs from which on it is asked which tasks wait


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueView:
    """One queue, and what is to be said of it."""

    queue: Queue
    flow: Flow | None  #: since the poll before
    arrivals: float | None  #: a second, over the last polls
    departures: float | None  #: likewise
    mean: float | None  #: seconds of its jobs
    load: float | None
    drained_in: float | None  #: seconds
    blamed: Sequence[Blame]
    advice: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One poll, judged."""

    poll: Poll
    capacities: Sequence[Capacity]  #: the fullest first
    queues: Sequence[QueueView]  #: in order of trouble
    overruns: Sequence[Overrun]
    owners: Sequence[Owner]  #: of the broker's memory, the greatest first

    @property
    def capacity(self) -> Capacity | None:
        """What is fullest."""
        return self.capacities[0] if self.capacities else None

    @property
    def forecast(self) -> Forecast | None:
        """When the first will be full."""
        found = [each.forecast for each in self.capacities if each.forecast]
        return min(found, key=lambda each: each.seconds, default=None)

    @property
    def backlog(self) -> list[Blame]:
        """What waits in all queues together, most work first."""
        return judge.backlog(blame for queue in self.queues for blame in queue.blamed)


class Watch:
    """Looks at *broker*; *typical* says what each task takes, by the log of runs.

    *seen* jobs of a queue are looked at to tell what waits, *keys* to tell who owns the memory. *mix* says
    how many runs of each task a queue had, for where it can't be seen what waits there.
    """

    def __init__(  # noqa: PLR0913 - what it is made of
        self,
        broker: Broker,
        thresholds: Thresholds | None = None,
        typical: Callable[[], Mapping[str, Typical]] = dict,
        mix: Callable[[str], Mapping[str, int]] = lambda queue: {},  # noqa: ARG005 - nothing is known
        *,
        seen: int = SEEN,
        keys: int = KEYS,
    ) -> None:
        self._broker = broker
        self._thresholds = thresholds or Thresholds()
        self._typical = typical
        self._before: Poll | None = None
        self._mix = mix
        self._used: dict[str, deque[tuple[float, float]]] = {}
        self._flown: deque[Mapping[str, Flow]] = deque(maxlen=AVERAGED)
        self._flow_state = FlowState()
        self._owners: Sequence[Owner] = ()
        self._backlogs: dict[str, Waiting] = {}
        self._looks = 0
        self._seen = seen
        self._keys = keys

    def poll(self) -> View:
        """What the broker shows now. Raises `BrokerError`."""
        before, typical = self._before, self._typical()
        tails = {each.name: each.tail for each in before.queues if each.tail} if before else {}
        poll = self._broker.poll(tails)
        if before is not None and poll.time < before.time:  # another server, or its clock was set back
            before = None
            self._used.clear()
            self._flown.clear()
            self._flow_state = FlowState()
        self._before = poll
        flown = flows(before, poll, self._flow_state) if before else {}
        self._flown.append(flown)
        names = {each.name for each in poll.queues}
        self._backlogs = {name: each for name, each in self._backlogs.items() if name in names}
        deep = sum(each.depth >= DEEP for each in poll.queues)
        queues = [self._queue(each, flown.get(each.name), typical, max(1, deep)) for each in poll.queues]
        running = self._broker.running([each.name for each in poll.queues if each.running])
        return View(
            poll=poll,
            capacities=self._forecast(judge.capacities(poll), poll.time / 1e6),
            queues=sorted(queues, key=_trouble),
            overruns=judge.overruns(running, typical, poll.time, self._thresholds.runtime),
            owners=self._owned(),
        )

    def _forecast(self, found: Sequence[Capacity], now: float) -> list[Capacity]:
        """*found*, the fullest with a forecast."""
        old, self._used = self._used, {}
        for each in found:
            points = self._used[each.limit.name] = old.get(each.limit.name, deque(maxlen=KEPT))
            points.append((now, each.limit.level[0]))
        return [
            replace(each, forecast=judge.forecast([*self._used[each.limit.name]], each.limit.level[1]))
            if place < FULLEST
            else each
            for place, each in enumerate(found)
        ]

    def _owned(self) -> Sequence[Owner]:
        """Who owns the memory: asked now and then, and kept."""
        if self._keys and self._looks % OWNED == 0:
            with suppress(BrokerError):  # a user without the right to ask
                self._owners = self._broker.owners(self._keys)
        self._looks += 1
        return self._owners

    def _queue(
        self, queue: Queue, flow: Flow | None, typical: Mapping[str, Typical], queues: int
    ) -> QueueView:
        """One queue of so many *queues*, judged."""
        waiting = self._waiting(queue, queues)
        mean = judge.mean_time(waiting, typical)
        blamed = judge.blame(waiting, typical) if waiting else []
        arrivals, departures = queue.rates or rates(
            [each[queue.name] for each in self._flown if queue.name in each]
        )
        return QueueView(
            queue=queue,
            flow=flow,
            arrivals=arrivals,
            departures=departures,
            mean=mean,
            load=None if arrivals is None else judge.load(arrivals, mean, queue.workers),
            drained_in=judge.drained_in(queue, mean),
            blamed=blamed,
            advice=None if arrivals is None else judge.advice(queue, arrivals, mean, blamed, typical),
        )

    def _waiting(self, queue: Queue, queues: int) -> Waiting | None:
        """Which tasks wait in *queue*, one of so many *queues*; None where none does, or it is gone by now.

        It is asked once in `OWNED` polls, each queue in its turn, and kept meanwhile; the depth is of now.
        """
        known = self._backlogs.get(queue.name)
        if queue.depth < DEEP:
            self._backlogs.pop(queue.name, None)
            return None
        turn = (crc32(queue.name.encode()) + self._looks) % OWNED == 0
        if known is None or known.guessed or turn:
            with suppress(BrokerError):
                known = self._seen_waiting(queue, min(self._seen, max(FEWEST, BUDGET // queues)))
                self._backlogs[queue.name] = known
        return known and replace(known, depth=queue.depth)

    def _seen_waiting(self, queue: Queue, most: int) -> Waiting:
        """What waits by what is seen of it, else by the last runs."""
        found = self._broker.waiting(queue.name, most)
        if found.sampled:
            return found
        runs = self._mix(queue.name)
        return replace(found, sampled=sum(runs.values()), tasks=runs, guessed=True)


def rates(flown: Sequence[Flow]) -> tuple[float | None, float | None]:
    """Arrivals and departures a second over all of *flown*."""
    interval = sum(each.interval for each in flown)
    if not interval:
        return None, None
    arrivals, departures = (sum(each.arrivals for each in flown), sum(each.departures for each in flown))
    return arrivals / interval * SECOND, departures / interval * SECOND


def _trouble(view: QueueView) -> tuple[float, float, str]:
    """The queue that is overrun most first, then the deepest."""
    return (-(view.load or 0.0), -float(view.queue.depth), view.queue.name)
