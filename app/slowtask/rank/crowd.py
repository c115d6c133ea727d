"""RANK: the runs of one queue and of all that share its workers, ready to be replayed with changes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain, compress
from operator import add, sub
from random import Random
from typing import TYPE_CHECKING, Final

from slowtask.rank.crew import Crew
from slowtask.rank.replay import Jobs, Overhead, Pool, group_pools, percentile, replay
from slowtask.record.event import SECOND
from slowtask.watch.advice import Wait

if TYPE_CHECKING:
    from slowtask.store.columns import Columns

MAX_RUNS: Final = 100_000  #: the last to arrive: a replay of more takes too long
RECENT_SHARE: Final = 0.25  #: of the log's time: trouble may have begun only now
MIN_RECENT_RUNS: Final = 100  #: of the queue: fewer say little of what comes
BLOCKS: Final = 20  #: stretches that are drawn whole, since neighbours wait alike
BLOCK_SAMPLE: Final = 100  #: waits of each that count
DRAWS: Final = 200

Places = Sequence[int]  #: of jobs


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """The jobs that share workers with one queue."""

    name: str  #: of the queue
    queue: int
    queues: Sequence[str]  #: the names of all queues of the log
    tasks: Sequence[str]
    jobs: Jobs
    task: Sequence[int]  #: of each job
    wait: Sequence[int]  #: ns, as it really was
    pools: Sequence[Pool]  #: the first is the one that gets more workers
    overhead: Overhead
    recent: Places  #: the jobs that count, whatever their queue
    mine: Places  #: those of them that are in the queue
    is_celery: bool  #: by the names of its workers

    @property
    def pool(self) -> Pool:
        """The workers that would get more."""
        return self.pools[0]

    def replay(self, pools: Sequence[Pool] | None = None, jobs: Jobs | None = None) -> list[int]:
        """How long each job waits with other *pools*, or other *jobs*."""
        jobs = jobs or self.jobs
        return list(map(sub, replay(jobs, pools or self.pools, self.overhead), jobs.arrival))

    def load(self, places: Iterable[int], workers: int) -> float:
        """The share of the time of *workers* that the jobs at *places* need."""
        idle = self.overhead.before + self.overhead.after
        work = sum(self.jobs.took[place] + idle for place in places)
        first, last = self.recent[0], self.recent[-1]
        return work / (workers * max(1, self.jobs.arrival[last] - self.jobs.arrival[first]))


def find_crowd(log: "Columns", crew: Crew, queue: int) -> Crowd:
    """The jobs of *log* that share the workers of *crew* with *queue*."""
    [group] = (group for group in group_pools(crew.pools) if any(queue in pool.queues for pool in group))
    shared = {each for pool in group for each in pool.queues}
    places = [*compress(range(len(log.queue)), map(shared.__contains__, log.queue))][-MAX_RUNS:]
    arrival, took, queues, task, wait, before = (
        [column[place] for place in places]
        for column in (log.arrival, log.took, log.queue, log.task, log.wait, crew.before)
    )
    # Workers that had work before the first of these runs weren't idle then.
    since = min(map(add, arrival, wait)) - crew.overhead.before
    return find_trouble(
        Crowd(
            name=log.queues[queue],
            queue=queue,
            queues=log.queues,
            tasks=log.tasks,
            jobs=Jobs(arrival=arrival, took=took, queue=queues, before=before),
            task=task,
            wait=wait,
            pools=[
                replace(pool, since=max(since, pool.since))
                for pool in sorted(group, key=lambda pool: (queue not in pool.queues, len(pool.queues)))
            ],
            overhead=crew.overhead,
            recent=range(len(places)),
            mine=[place for place, each in enumerate(queues) if each == queue],
            # Celery names its workers so. RQ's are named by 32 digits, and prefetch nothing.
            is_celery=all("@" in log.workers[number] for number in {log.worker[place] for place in places}),
        )
    )


def find_trouble(crowd: Crowd) -> Crowd:
    """*crowd*, of which only the last quarter counts if it is long enough and its jobs waited longer."""
    arrival = crowd.jobs.arrival
    since = round(arrival[-1] - RECENT_SHARE * (arrival[-1] - arrival[0]))
    recent, mine = (
        [place for place in each if arrival[place] >= since] for each in (crowd.recent, crowd.mine)
    )
    if len(mine) < MIN_RECENT_RUNS or percentile_wait(crowd.wait, mine) <= percentile_wait(
        crowd.wait, crowd.mine
    ):
        return crowd
    return replace(crowd, recent=recent, mine=mine)


def percentile_wait(waits: Sequence[int], places: Places, share: float = 0.95) -> float:
    """The percentile at *share* of the *waits* at *places*, in seconds."""
    return percentile(sorted(waits[place] for place in places), share) / SECOND


def with_interval(waits: Sequence[int], places: Places, error: float) -> Wait:
    """The 95th percentile of the *waits* at *places* with its interval, widened by the replay's *error*.

    The interval is that of a block bootstrap, always of the same draws.
    """
    step = max(1, len(places) // BLOCKS)
    blocks = [places[place : place + step] for place in range(0, len(places), step)]
    samples = [[waits[place] for place in block[:: 1 + len(block) // BLOCK_SAMPLE]] for block in blocks]
    random, middle = Random(0), percentile_wait(waits, places)  # noqa: S311 - no secret
    draws = (random.choices(samples, k=len(samples)) for _ in range(DRAWS))
    drawn = sorted(round(percentile(sorted(chain.from_iterable(draw)), 0.95)) for draw in draws)
    low, high = (percentile(drawn, share) / SECOND for share in (0.05, 0.95))
    return Wait(p95=middle, low=min(low, middle) * (1 - error), high=max(high, middle) * (1 + error))


def idle_share(crowd: Crowd) -> float:
    """The share of the real waits of *crowd* during which a worker of the queue had nothing to do."""
    before = crowd.jobs.before or ()
    turns: list[tuple[int, int, int]] = []  # when, how many more are busy, how many more wait
    for place in crowd.recent:
        come, took = crowd.jobs.arrival[place], crowd.jobs.took[place]
        begin = come + max(0, crowd.wait[place] - before[place])
        turns += [(come, 0, 1), (begin, 1, -1)]
        turns.append((come + crowd.wait[place] + took + crowd.overhead.after, -1, 0))
    size, busy, waiting, then = sum(pool.size for pool in crowd.pools), 0, 0, 0
    idle = whole = 0
    for now, more_busy, more_waiting in sorted(turns):
        whole += waiting * (now - then)
        idle += waiting * (now - then) * (busy < size)
        busy, waiting, then = busy + more_busy, waiting + more_waiting, now
    return idle / whole if whole else 0.0
