"""RANK: simulates queues and workers: when each job of a log starts.

Each queue is first in, first out. A pool is a number of workers that take from the same queues in one order.
Times are whole nanoseconds.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from heapq import heappop, heappush, heapreplace
from itertools import chain, compress
from typing import Final

NEVER: Final = 2**63


@dataclass(frozen=True, slots=True, kw_only=True)
class Jobs:
    """Jobs in order of arrival, as columns."""

    arrival: Sequence[int]  #: never falls
    took: Sequence[int]  #: run times
    queue: Sequence[int]
    before: Sequence[int] | None = None  #: what each needs until it starts; None: `Overhead.before`


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Workers that take from the same queues."""

    queues: tuple[int, ...]
    size: int  #: how many jobs they run at once
    ordered: bool = True  #: the first of `queues` goes first; otherwise the job that has waited longest
    since: int = -NEVER  #: when they begin to work


@dataclass(frozen=True, slots=True, kw_only=True)
class Overhead:
    """What a worker needs beside the task: before it starts, and after it has ended."""

    before: int = 0
    after: int = 0


def replay(jobs: Jobs, pools: Sequence[Pool], overhead: Overhead) -> list[int]:
    """When each of *jobs* starts. Raises `ValueError` for a queue without a pool, or an empty pool."""
    served = {queue for pool in pools for queue in pool.queues}
    if any(pool.size < 1 for pool in pools) or not served.issuperset(jobs.queue):
        raise ValueError("every queue needs a pool, every pool a worker")
    starts = [0] * len(jobs.arrival)
    if jobs.before is None:
        jobs = replace(jobs, before=[overhead.before] * len(starts))
    for group in group_pools(pools):
        queues = {queue for pool in group for queue in pool.queues}
        places: Iterable[int] = range(len(starts))
        if queues != served:
            places = compress(places, map(queues.__contains__, jobs.queue))
        if len(group) == len(queues) == 1:
            _replay_queue(jobs, places, group[0], overhead.after, starts)
        else:
            _Scheduler(group, overhead.after).run(jobs, places, starts)
    return starts


def group_pools(pools: Sequence[Pool]) -> list[list[Pool]]:
    """*pools* in groups that have no queue in common."""
    groups: list[list[Pool]] = []
    for pool in pools:
        near = [
            group for group in groups if any(set(pool.queues).intersection(each.queues) for each in group)
        ]
        groups = [group for group in groups if group not in near]
        groups.append([pool, *chain.from_iterable(near)])
    return groups


def _replay_queue(jobs: Jobs, places: Iterable[int], pool: Pool, after: int, starts: list[int]) -> None:
    """Write the *starts* of the jobs at *places*, all of one queue that *pool* alone serves."""
    free = [pool.since] * pool.size  # a heap: when each worker is free
    arrival, took, before = jobs.arrival, jobs.took, jobs.before or ()
    for place in places:
        starts[place] = start = max(arrival[place], free[0]) + before[place]
        heapreplace(free, start + took[place] + after)


class _Scheduler:
    """Several queues whose workers overlap: which workers are idle, which jobs wait."""

    def __init__(self, pools: Sequence[Pool], after: int) -> None:
        self._after = after
        self._pools = pools
        self._idle = [0] * len(pools)
        self._waiting: dict[int, deque[int]] = {queue: deque() for pool in pools for queue in pool.queues}
        #: the pools that take a job of each queue: first those that serve the fewest others
        order = sorted(range(len(pools)), key=lambda each: len(pools[each].queues))
        self._takers = {queue: [n for n in order if queue in pools[n].queues] for queue in self._waiting}
        #: a heap: when a worker will be free, and its pool
        self._free = sorted((pool.since, n) for n, pool in enumerate(pools) for _ in range(pool.size))

    def run(self, jobs: Jobs, places: Iterable[int], starts: list[int]) -> None:
        """Write the *starts* of the jobs at *places*."""
        arrival, took, queue = jobs.arrival, jobs.took, jobs.queue
        idle, free, before, after = self._idle, self._free, jobs.before or (), self._after
        for place in places:
            now = arrival[place]
            if free and free[0][0] <= now:
                self._serve(now, jobs, starts)
            for pool in self._takers[queue[place]]:
                if idle[pool]:
                    idle[pool] -= 1
                    starts[place] = start = now + before[place]
                    heappush(free, (start + took[place] + after, pool))
                    break
            else:
                self._waiting[queue[place]].append(place)
        self._serve(NEVER, jobs, starts)

    def _serve(self, until: int, jobs: Jobs, starts: list[int]) -> None:
        """Have the workers that are free by *until* take what waits."""
        free, before, after, took = self._free, jobs.before or (), self._after, jobs.took
        while free and free[0][0] <= until:
            now, pool = free[0]
            place = self._next(self._pools[pool])
            if place is None:
                heappop(free)
                self._idle[pool] += 1
            else:
                starts[place] = start = now + before[place]
                heapreplace(free, (start + took[place] + after, pool))

    def _next(self, pool: Pool) -> int | None:
        """The job that *pool* takes now, taken off its queue."""
        waiting = self._waiting
        queues = [waiting[queue] for queue in pool.queues if waiting[queue]]
        if not queues:
            return None
        return (queues[0] if pool.ordered else min(queues)).popleft()


def max_depth(arrivals: Sequence[int], starts: Iterable[int]) -> int:
    """The most jobs that waited at once; *arrivals* never fall, *starts* come in any order."""
    started = [*sorted(starts), NEVER]
    most = gone = 0
    for come, now in enumerate(arrivals, 1):
        while started[gone] <= now:
            gone += 1
        if come - gone > most:  # noqa: PLR1730 - a call for each of a million jobs
            most = come - gone
    return most


def percentile(ordered: Sequence[int], share: float) -> float:
    """The value at *share* (0 to 1) of *ordered*, between its neighbours in proportion; 0 of none."""
    if not ordered:
        return 0.0
    place = share * (len(ordered) - 1)
    low = int(place)
    rest = place - low
    return ordered[low] if not rest else ordered[low] * (1 - rest) + ordered[low + 1] * rest
