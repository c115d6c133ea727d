"""Workers that run jobs in virtual time: they take a while to start, and end after their present job."""

import heapq
import itertools
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from scaling.loads import Job
from slowtask.watch.recent import RecentRun

EPOCH = 1_760_000_000.0
QUEUE = "mail"


@dataclass(eq=False, slots=True)
class Pod:
    """One worker."""

    number: int
    began: float
    ready: float
    job: Job | None = None
    taken: float = 0.0  #: when it took its job
    finished: int = 0
    stopping: bool = False
    ended: float | None = None

    @property
    def name(self) -> str:
        """The worker's name."""
        return f"worker-{self.number}"


@dataclass(slots=True)
class Cluster:
    """One queue and its workers."""

    jobs: Sequence[Job]
    start_time: float  #: seconds that a worker needs until it takes jobs
    now: float = 0.0
    waiting: deque[int] = field(default_factory=deque)  #: the numbers of jobs
    waits: list[float] = field(default_factory=list)  #: by number of the job; jobs are taken in their order
    pods: list[Pod] = field(default_factory=list)  #: that haven't ended
    ended: list[Pod] = field(default_factory=list)
    runs: list[RecentRun] = field(default_factory=list)  #: that nobody has read yet
    _events: list[tuple[float, int, Pod]] = field(default_factory=list)
    _free: list[tuple[int, Pod]] = field(default_factory=list)
    _arrived: int = 0
    _ticket: itertools.count = field(default_factory=itertools.count)

    def advance(self, until: float) -> None:
        """Let jobs arrive, begin and end until that time."""
        while True:
            arrival = self.jobs[self._arrived].arrival if self._arrived < len(self.jobs) else float("inf")
            event = self._events[0][0] if self._events else float("inf")
            if min(arrival, event) > until or min(arrival, event) == float("inf"):
                break
            self.now = min(arrival, event)
            if arrival <= event:
                self.waiting.append(self._arrived)
                self._arrived += 1
            else:
                self._settle(heapq.heappop(self._events)[2])
            self._hand_out()
        self.now = until

    def scale(self, count: int) -> None:
        """Have *count* workers; the newest go first, as Kubernetes chooses, whether busy or not."""
        serving = [pod for pod in self.pods if not pod.stopping]
        for _ in range(count - len(serving)):
            pod = Pod(number=next(self._ticket), began=self.now, ready=self.now + self.start_time)
            self.pods.append(pod)
            heapq.heappush(self._events, (pod.ready, pod.number, pod))
        newest = sorted(serving, key=lambda pod: pod.number, reverse=True)
        for pod in newest[: max(0, len(serving) - count)]:
            pod.stopping = True
            if pod.job is None:
                self._end(pod)

    def take_runs(self) -> list[RecentRun]:
        """The runs that have ended since the last time."""
        runs, self.runs = self.runs, []
        return runs

    def finish(self) -> None:
        """Let the workers that there are run all jobs."""
        self.scale(max(1, self.serving))
        self.advance(float("inf"))

    @property
    def busy_share(self) -> float:
        """How many of the workers that take jobs run one, 0 to 1."""
        return self.busy / max(1, sum(pod.ready <= self.now for pod in self.pods))

    @property
    def serving(self) -> int:
        """The workers that weren't told to stop."""
        return sum(not pod.stopping for pod in self.pods)

    @property
    def busy(self) -> int:
        """The workers that run a job."""
        return sum(pod.job is not None for pod in self.pods)

    def worker_seconds(self, since: float, until: float) -> float:
        """The time that workers existed, also while they started and ended."""
        return sum(
            max(0.0, min(until if pod.ended is None else pod.ended, until) - max(pod.began, since))
            for pod in self.pods + self.ended
        )

    def _hand_out(self) -> None:
        """Give waiting jobs to free workers."""
        while self.waiting and self._free:
            pod = heapq.heappop(self._free)[1]
            if pod.ended is not None:
                continue
            number = self.waiting.popleft()
            job = self.jobs[number]
            self.waits.append(self.now - job.arrival)
            pod.job, pod.taken = job, self.now
            heapq.heappush(self._events, (self.now + job.took, pod.number, pod))

    def _settle(self, pod: Pod) -> None:
        """A worker is ready, or its job has ended."""
        if pod.ended is not None:
            return
        if pod.job is not None:
            self._note_run(pod, pod.job)
            pod.job = None
            pod.finished += 1
        if pod.stopping:
            self._end(pod)
        else:
            heapq.heappush(self._free, (pod.number, pod))

    def _note_run(self, pod: Pod, job: Job) -> None:
        """The line that a worker writes."""
        self.runs.append(
            RecentRun(
                task=job.task,
                end=EPOCH + self.now,
                id=next(self._ticket),
                took=job.took,
                wait=pod.taken - job.arrival,
                action="finished",
                queue=QUEUE,
                worker=pod.name,
                system="rq",
            )
        )

    def _end(self, pod: Pod) -> None:
        """A worker is gone."""
        pod.ended = self.now
        self.pods.remove(pod)
        self.ended.append(pod)
