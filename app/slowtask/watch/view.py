"""WATCH: polls a broker again and again, and judges each poll.

`Watch.poll` returns a `View`: all that `slowtask status` shows, and what `slowtask monitor` writes as samples
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
from slowtask.watch.broker.track import Changes, ChangeTracker
from slowtask.watch.history import History
from slowtask.watch.judge import Capacity, Forecast, Overrun, TaskBacklog, Typical
from slowtask.watch.settings import Thresholds

MAX_SAMPLED_JOBS: Final = 2401  #: per queue; task shares are then within ± 2 points at 95 % confidence
MIN_SAMPLED_JOBS: Final = 100  #: per queue, however many queues there are
SAMPLED_JOBS_BUDGET: Final = 24_000  #: jobs of all queues that are read in `RESAMPLE_POLLS` polls
MIN_SAMPLED_DEPTH: Final = 1  #: jobs that wait, from which on their tasks are read
SAMPLED_KEYS: Final = 300  #: keys that are read to find out who holds the memory
RESAMPLE_POLLS: Final = 12  #: polls after which jobs and keys are read again
FORECAST_POLLS: Final = 120  #: polls that a forecast is made from
RATE_POLLS: Final = 12  #: polls that rates are taken over: a minute, at one in five seconds
MAX_FORECASTS: Final = 8  #: limits that get a forecast, the most used first


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueView:
    """One queue, judged."""

    queue: Queue
    flow: Flow | None  #: since the poll before; None at the first
    arrivals: float | None  #: jobs/s, over the last `RATE_POLLS` polls
    departures: float | None  #: jobs/s
    mean: float | None  #: seconds, the mean run time of its jobs
    load: float | None  #: arriving work over what the workers can do
    drained_in: float | None  #: seconds until it is empty, if nothing more came
    backlog: Sequence[TaskBacklog]  #: most work first
    advice: str | None  #: what would help, where the workers don't keep up


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One poll of a broker, judged."""

    poll: Poll
    capacities: Sequence[Capacity]  #: the most used first
    queues: Sequence[QueueView]  #: the most overloaded first
    overruns: Sequence[Overrun]
    owners: Sequence[Owner]  #: who holds the broker's memory, the largest share first
    changes: Changes  #: what happened to the server in the polls up to this one

    @property
    def capacity(self) -> Capacity | None:
        """The most-used limit."""
        return self.capacities[0] if self.capacities else None

    @property
    def forecast(self) -> Forecast | None:
        """Of the limit that will be reached first."""
        forecasts = [each.forecast for each in self.capacities if each.forecast]
        return min(forecasts, key=lambda each: each.seconds, default=None)

    @property
    def backlog(self) -> list[TaskBacklog]:
        """What waits in all queues together, most work first."""
        return judge.merge_backlogs(task for queue in self.queues for task in queue.backlog)


class Watch:
    """Polls one broker, and judges each poll by those before it.

    Args:
        broker: What is polled.
        thresholds: Where alerts begin; of them a poll needs the run times that are allowed.
        typical: Returns how long tasks usually take, by the log of runs.
        mix: Returns how many runs of each task a queue had, for a broker that hides what waits.
        history: Returns the recent runs of all tasks.
        max_jobs: Jobs of one queue that are read to find out which tasks wait.
        max_keys: Keys of Redis that are read to find out who holds its memory; 0: none.
    """

    def __init__(  # noqa: PLR0913 - what it is made of
        self,
        broker: Broker,
        thresholds: Thresholds | None = None,
        typical: Callable[[], Mapping[str, Typical]] = dict,
        mix: Callable[[str], Mapping[str, int]] = lambda queue: {},  # noqa: ARG005 - nothing is known
        history: Callable[[], History] = History,
        *,
        max_jobs: int = MAX_SAMPLED_JOBS,
        max_keys: int = SAMPLED_KEYS,
    ) -> None:
        self._broker = broker
        self._thresholds = thresholds or Thresholds()
        self._typical = typical
        self._mix = mix
        self._history = history
        self._max_jobs = max_jobs
        self._max_keys = max_keys
        self._before: Poll | None = None
        self._levels: dict[str, deque[tuple[float, float]]] = {}  #: by limit: seconds, and its level then
        self._flows: deque[Mapping[str, Flow]] = deque(maxlen=RATE_POLLS)
        self._flow_state = FlowState()
        self._tracker = ChangeTracker()
        self._owners: Sequence[Owner] = ()
        self._waiting: dict[str, Waiting] = {}  #: by queue
        self._polls = 0

    def poll(self) -> View:
        """What the broker shows now, judged. Raises `BrokerError`."""
        typical, poll = self._typical(), self._broker.poll(self._tails())
        flowed = self._measure_flows(poll)
        names = {queue.name for queue in poll.queues}
        self._waiting = {name: waiting for name, waiting in self._waiting.items() if name in names}
        deep = max(1, sum(queue.depth >= MIN_SAMPLED_DEPTH for queue in poll.queues))
        queues = [self._judge_queue(queue, flowed.get(queue.name), typical, deep) for queue in poll.queues]
        running = self._broker.running([queue.name for queue in poll.queues if queue.running])
        return View(
            poll=poll,
            capacities=self._add_forecasts(judge.capacities(poll), poll.time / 1e6),
            queues=sorted(queues, key=_trouble_order),
            overruns=judge.overruns(running, typical, poll.time, self._thresholds.runtime),
            owners=self._sample_owners(),
            changes=self._tracker.add(poll),
        )

    def _tails(self) -> dict[str, str]:
        """The last job of each queue at the poll before."""
        queues = self._before.queues if self._before else ()
        return {queue.name: queue.tail for queue in queues if queue.tail}

    def _measure_flows(self, poll: Poll) -> Mapping[str, Flow]:
        """What came and went since the poll before, which *poll* replaces."""
        before, self._before = self._before, poll
        if before is not None and poll.time < before.time:  # another server, or its clock was set back
            before, self._flow_state = None, FlowState()
            self._levels.clear()
            self._flows.clear()
        flowed = flows(before, poll, self._flow_state) if before else {}
        self._flows.append(flowed)
        return flowed

    def _add_forecasts(self, capacities: Sequence[Capacity], now: float) -> list[Capacity]:
        """*capacities*, the most used with a forecast; *now* is in seconds."""
        old, self._levels = self._levels, {}
        for capacity in capacities:
            name = capacity.limit.name
            self._levels[name] = old.get(name, deque(maxlen=FORECAST_POLLS))
            self._levels[name].append((now, capacity.limit.level[0]))
        forecast = [self._forecast(capacity) for capacity in capacities[:MAX_FORECASTS]]
        return [*forecast, *capacities[MAX_FORECASTS:]]

    def _forecast(self, capacity: Capacity) -> Capacity:
        """*capacity* with its forecast."""
        limit = capacity.limit
        return replace(capacity, forecast=judge.forecast([*self._levels[limit.name]], limit.level[1]))

    def _sample_owners(self) -> Sequence[Owner]:
        """Who holds the memory: read again once in `RESAMPLE_POLLS` polls."""
        if self._max_keys and self._polls % RESAMPLE_POLLS == 0:
            with suppress(BrokerError):  # a user without the right to ask
                self._owners = self._broker.owners(self._max_keys)
        self._polls += 1
        return self._owners

    def _judge_queue(
        self, queue: Queue, flow: Flow | None, typical: Mapping[str, Typical], deep: int
    ) -> QueueView:
        """*queue*, judged; *deep* queues share the jobs that may be read."""
        waiting = self._find_waiting(queue, deep)
        mean = judge.mean_time(waiting, typical)
        backlog = judge.backlog_by_task(waiting, typical) if waiting else []
        recent = [flowed[queue.name] for flowed in self._flows if queue.name in flowed]
        arrivals, departures = queue.rates or rates(recent)
        return QueueView(
            queue=queue,
            flow=flow,
            arrivals=arrivals,
            departures=departures,
            mean=mean,
            load=None if arrivals is None else judge.load(arrivals, mean, queue.workers),
            drained_in=judge.drained_in(queue, mean),
            backlog=backlog,
            advice=None if arrivals is None else judge.advice(queue, arrivals, mean, backlog, typical),
        )

    def _find_waiting(self, queue: Queue, deep: int) -> Waiting | None:
        """Which tasks wait in *queue*, one of *deep* queues; None where none waits, or the queue is gone.

        Each queue is read once in `RESAMPLE_POLLS` polls, in turn; the depth is always that of now.
        """
        known = self._waiting.get(queue.name)
        if queue.depth < MIN_SAMPLED_DEPTH:
            self._waiting.pop(queue.name, None)
            return None
        turn = (crc32(queue.name.encode()) + self._polls) % RESAMPLE_POLLS == 0
        if known is None or known.guessed or turn:
            with suppress(BrokerError):
                most = min(self._max_jobs, max(MIN_SAMPLED_JOBS, SAMPLED_JOBS_BUDGET // deep))
                known = self._waiting[queue.name] = self._sample_waiting(queue, most)
        return known and replace(known, depth=queue.depth)

    def _sample_waiting(self, queue: Queue, most: int) -> Waiting:
        """The tasks of at most *most* waiting jobs; where the broker hides them, those of the last runs."""
        waiting = self._broker.waiting(queue.name, most)
        if waiting.sampled:
            return waiting
        runs = self._mix(queue.name)
        return replace(waiting, sampled=sum(runs.values()), tasks=runs, guessed=True)


def rates(flows: Sequence[Flow]) -> tuple[float | None, float | None]:
    """Arrivals and departures a second over all of *flows*."""
    interval = sum(each.interval for each in flows)
    if not interval:
        return None, None
    arrivals, departures = (sum(each.arrivals for each in flows), sum(each.departures for each in flows))
    return arrivals / interval * SECOND, departures / interval * SECOND


def _trouble_order(view: QueueView) -> tuple[float, float, str]:
    """The most overloaded queue first, then the deepest."""
    return (-(view.load or 0.0), -float(view.queue.depth), view.queue.name)
