"""WATCH: polls a broker again and again, and judges each poll.

`Watch.poll` returns a `View`: all that `slowtask status` shows, and what `slowtask monitor` writes as samples
and makes findings of.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final
from zlib import crc32

from slowtask.errors import BrokerError
from slowtask.record.event import SECOND
from slowtask.watch import judge
from slowtask.watch.blame import Blame
from slowtask.watch.broker import Broker, Owner, Poll, Queue, Running, Waiting
from slowtask.watch.broker.flow import Flow, FlowState, flows
from slowtask.watch.broker.track import Changes, ChangeTracker
from slowtask.watch.buffers import BufferNeeds
from slowtask.watch.crew import Crew, Crews, Member
from slowtask.watch.forecast import Forecast, forecast
from slowtask.watch.history import History
from slowtask.watch.judge import Capacity, Overrun, TaskBacklog, Typical
from slowtask.watch.needed import Staffing
from slowtask.watch.pace import Pace, Track
from slowtask.watch.settings import Thresholds
from slowtask.watch.targets import Waiting as WaitingJobs
from slowtask.watch.tasks import NOTHING, TaskJudge, TaskView

MAX_SAMPLED_JOBS: Final = 2401  #: per queue; task shares are then within ± 2 points at 95 % confidence
MIN_SAMPLED_JOBS: Final = 100  #: per queue, however many queues there are
SAMPLED_JOBS_BUDGET: Final = 24_000  #: jobs of all queues that are read in `RESAMPLE_POLLS` polls
MIN_SAMPLED_DEPTH: Final = 1  #: jobs that wait, from which on their tasks are read
SAMPLED_KEYS: Final = 300  #: keys that are read to find out who holds the memory
RESAMPLE_POLLS: Final = 12  #: polls after which jobs and keys are read again
RESAMPLE_GROWTH: Final = 1.2  #: of the memory since keys were read, after which they are read again
FORECAST_POLLS: Final = 120  #: polls that a forecast is made from
CROWDED_WAIT: Final = 10.0  #: seconds that the first job waited, from which on advice is asked for
MAX_FORECASTS: Final = 8  #: limits that get a forecast, the most used first


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueView:
    """One queue, judged."""

    queue: Queue
    flow: Flow | None = None  #: since the poll before; None at the first
    pace: Pace = field(default_factory=Pace)  #: how it flowed over the last minutes
    crew: Crew | None = None  #: its workers; None if nothing is known of them
    served_at: float | None = None  #: seconds since the epoch: the last poll at which a worker served it
    backlog: Sequence[TaskBacklog] = ()  #: most work first
    needed: int | None = None  #: workers with which its jobs begin in time; None if that isn't known
    advice: str | None = None  #: what would help, by a replay of the log of runs
    blame: Blame | None = None  #: whose runs fill its workers, if jobs wait long or more and more do

    @property
    def arrivals(self) -> float | None:
        """Jobs a second that arrive."""
        return self.queue.rates[0] if self.queue.rates else self.pace.arrivals

    @property
    def departures(self) -> float | None:
        """Jobs a second that leave."""
        return self.queue.rates[1] if self.queue.rates else self.pace.departures

    @property
    def load(self) -> float | None:
        """What arrives over what the workers can do, as far as that was seen; over 1 the queue grows."""
        return self.pace.load

    @property
    def drained_in(self) -> float | None:
        """Seconds until it is empty if no more came and jobs left as they do now."""
        return self.queue.depth / self.departures if self.queue.depth and self.departures else None

    @property
    def workers(self) -> int | None:
        """Jobs that its live workers can run at once; None if they aren't known."""
        return self.crew.slots if self.crew else self.queue.workers

    @property
    def busy(self) -> int | None:
        """Those of them that run now."""
        return self.crew.busy if self.crew else self.queue.busy

    @property
    def late(self) -> float:
        """Seconds that its first job has waited; 0 if none waits, or that isn't known."""
        return (self.queue.oldest or 0) / SECOND


@dataclass(frozen=True, kw_only=True)  # without slots, so that its backlog can be kept
class View:
    """One poll of a broker, judged."""

    poll: Poll
    capacities: Sequence[Capacity]  #: the most used first
    queues: Sequence[QueueView]  #: the most overloaded first
    overruns: Sequence[Overrun]
    owners: Sequence[Owner]  #: who holds the broker's memory, the largest share first
    changes: Changes  #: what happened to the server in the polls up to this one
    members: Sequence[Member] = ()  #: all workers
    running: Sequence[Running] = ()  #: all jobs that run, the longest first
    typical: Mapping[str, Typical] = field(default_factory=dict)  #: run times, by task
    watched: float = 0.0  #: seconds since the first poll
    tasks: TaskView = NOTHING  #: what the log of runs tells of them

    def usual(self, task: str | None) -> Typical | None:
        """Return the run times of *task*, by the log of runs; None if it has none."""
        return self.typical.get(task or "")

    @property
    def capacity(self) -> Capacity | None:
        """The most-used limit."""
        return self.capacities[0] if self.capacities else None

    @property
    def forecast(self) -> Forecast | None:
        """Of the limit that will be reached first."""
        forecasts = [each.forecast for each in self.capacities if each.forecast]
        return min(forecasts, key=lambda each: each.seconds, default=None)

    @cached_property
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
        advise: Returns what would help a crowded queue, by a replay of the log of runs. It must not block
            where polls must not be late.
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
        advise: Callable[[str], str | None] = lambda queue: None,  # noqa: ARG005 - nothing is known
        max_jobs: int = MAX_SAMPLED_JOBS,
        max_keys: int = SAMPLED_KEYS,
    ) -> None:
        self._broker = broker
        self._thresholds = thresholds or Thresholds()
        self._typical = typical
        self._mix = mix
        self._history = history
        self._advise = advise
        self._tasks = TaskJudge(broker.system, self._thresholds)
        self._staffing = Staffing(broker.system, self._thresholds.targets)
        self._max_jobs = max_jobs
        self._max_keys = max_keys
        self._before: Poll | None = None
        self._levels: dict[str, deque[tuple[float, float]]] = {}  #: by limit: seconds, and its level then
        self._tracks: dict[str, Track] = {}  #: by queue
        self._crews = Crews()
        self._served: dict[str, float] = {}  #: by queue: seconds since the epoch
        self._began: float | None = None  #: seconds since the epoch
        self._flow_state = FlowState()
        self._tracker = ChangeTracker()
        self._buffers = BufferNeeds(FORECAST_POLLS)
        self._owners: Sequence[Owner] = ()
        self._owned = 0  #: bytes in use when they were read
        self._waiting: dict[str, Waiting] = {}  #: by queue
        self._polls = 0

    def poll(self) -> View:
        """What the broker shows now, judged. Raises `BrokerError`."""
        typical, poll = self._typical(), self._broker.poll(self._tails())
        flowed = self._measure_flows(poll)
        most_buffers = self._buffers.add(poll.memory) if poll.memory else 0
        running = self._broker.running([queue.name for queue in poll.queues if queue.running])
        crews = self._crews.find(poll, running)
        self._note_queues(poll, crews, flowed)
        self._staffing.read(self._history(), poll.time / 1e6)
        deep = max(1, sum(queue.depth >= MIN_SAMPLED_DEPTH for queue in poll.queues))
        judged = [self._judge_queue(queue, crews, flowed, typical, deep) for queue in poll.queues]
        queues = [self._add_blame(each, poll.time) for each in judged]
        now = poll.time / 1e6
        return View(
            poll=poll,
            capacities=self._add_forecasts(judge.capacities(poll, most_buffers), now),
            queues=sorted(queues, key=_trouble_order),
            overruns=judge.overruns(running, typical, poll.time, self._thresholds.runtime),
            owners=self._sample_owners(poll.memory.used if poll.memory else 0),
            changes=self._tracker.add(poll),
            members=self._crews.members,
            running=sorted(running, key=lambda job: -judge.run_time(job, poll.time)),
            typical=typical,
            watched=now - (self._began or now),
            tasks=self._judge_tasks(queues, now),
        )

    def _judge_tasks(self, queues: Sequence[QueueView], now: float) -> TaskView:
        """Judge the tasks by the log of their runs, and by what waits in *queues*."""
        waiting = {
            each.queue.name: WaitingJobs(
                depth=each.queue.depth,
                oldest=each.late or None,
                arrivals=each.arrivals,
                departures=each.departures,
            )
            for each in queues
        }
        idle = [
            each.queue.name
            for each in queues
            if not each.queue.depth and (each.workers or 0) > (each.busy or 0)
        ]
        return self._tasks.judge(self._history(), waiting, idle, now)

    def _note_queues(self, poll: Poll, crews: Mapping[str, Crew], flowed: Mapping[str, Flow]) -> None:
        """Remember how each queue flowed, and when it was served; forget queues that are gone."""
        now = poll.time / 1e6
        self._began = now if self._began is None else self._began
        names = {queue.name for queue in poll.queues}
        self._waiting = {name: waiting for name, waiting in self._waiting.items() if name in names}
        self._tracks = {name: self._tracks.get(name) or Track() for name in names}
        self._served = {name: at for name, at in self._served.items() if name in names}
        self._served |= {name: now for name, crew in crews.items() if crew.working}
        for queue in poll.queues:
            counted = poll.counted or queue.behind_tail is not None
            flow = flowed.get(queue.name) if counted else None
            self._tracks[queue.name].add(now, queue, flow, crews.get(queue.name))

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
            self._tracks.clear()
        return flows(before, poll, self._flow_state) if before else {}

    def _add_forecasts(self, capacities: Sequence[Capacity], now: float) -> list[Capacity]:
        """*capacities*, the most used with a forecast; *now* is in seconds."""
        old, self._levels = self._levels, {}
        for capacity in capacities:
            name = capacity.limit.name
            self._levels[name] = old.get(name, deque(maxlen=FORECAST_POLLS))
            self._levels[name].append((now, capacity.limit.level[0]))
        first = [self._forecast(capacity) for capacity in capacities[:MAX_FORECASTS]]
        return [*first, *capacities[MAX_FORECASTS:]]

    def _forecast(self, capacity: Capacity) -> Capacity:
        """*capacity* with its forecast."""
        limit = capacity.limit
        return replace(capacity, forecast=forecast([*self._levels[limit.name]], limit.level[1]))

    def _sample_owners(self, used: int) -> Sequence[Owner]:
        """Who holds the memory: read again each `RESAMPLE_POLLS` polls, and when it has grown by a fifth."""
        grown = used > self._owned * RESAMPLE_GROWTH
        if self._max_keys and (grown or self._polls % RESAMPLE_POLLS == 0):
            self._owned = used
            with suppress(BrokerError):  # a user without the right to ask
                self._owners = self._broker.owners(self._max_keys)
        self._polls += 1
        return self._owners

    def _judge_queue(
        self,
        queue: Queue,
        crews: Mapping[str, Crew],
        flowed: Mapping[str, Flow],
        typical: Mapping[str, Typical],
        deep: int,
    ) -> QueueView:
        """*queue*, judged; *deep* queues share the jobs that may be read."""
        waiting, pace = self._find_waiting(queue, deep), self._tracks[queue.name].measure()
        backlog = judge.backlog_by_task(waiting, typical) if waiting else []
        return QueueView(
            queue=queue,
            flow=flowed.get(queue.name),
            pace=pace,
            crew=crews.get(queue.name),
            served_at=self._served.get(queue.name),
            backlog=backlog,
            needed=self._staffing.count(queue, pace.steady, backlog),
            advice=self._advise(queue.name) if is_crowded(queue, pace) else None,
        )

    def _add_blame(self, view: QueueView, now: int) -> QueueView:
        """*view* with the label whose runs fill its workers *now* (µs since the epoch), if its jobs wait."""
        if not is_backed_up(view.queue, view.pace):
            return view
        name, jobs = view.queue.name, view.crew.jobs if view.crew else []
        running = [judge.run_time(job, now) for job in jobs if job.queue == name]
        return replace(view, blame=self._history().blame(self._broker.system, name, now / 1e6, running))

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


def is_crowded(queue: Queue, pace: Pace) -> bool:
    """Return whether the jobs of *queue* wait long because all its workers are busy: worth a replay."""
    return pace.saturated > 0 and is_backed_up(queue, pace)


def is_backed_up(queue: Queue, pace: Pace) -> bool:
    """Return whether the jobs of *queue* wait long, or more and more do."""
    late = queue.oldest is None or queue.oldest >= CROWDED_WAIT * SECOND
    return bool(queue.depth) and (pace.growing or late)


def _trouble_order(view: QueueView) -> tuple[float, float, float, str]:
    """The queue whose first job has waited longest first, then the most loaded, then the deepest."""
    return (-view.late, -(view.load or 0.0), -float(view.queue.depth), view.queue.name)


def find_deepest(view: View | None) -> str | None:
    """Return the queue in which most jobs wait; None if none waits."""
    waiting = [each.queue for each in view.queues if each.queue.depth] if view else []
    return max(waiting, key=lambda queue: queue.depth).name if waiting else None
