"""RANK: the changes that may help a crowded queue, the cheapest of each kind first."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from slowtask.rank.change import short_name
from slowtask.rank.crowd import Crowd, Places
from slowtask.rank.replay import Jobs, Pool
from slowtask.units import plural, printable

ADDED: Final = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 48, 64)  #: workers that are tried
PATIENCE: Final = 2.0  #: a task may wait so many times as long where that saves a worker
HOLDER_SHARE: Final = 0.5  #: of the workers' time: a task with less isn't the one to move


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One change of the workers or the queues of a crowd."""

    text: str  #: what to do
    whose: str = ""  #: ` of the other tasks`, if only their waits shall become shorter
    added: int  #: workers
    pools: Sequence[Pool]
    jobs: Jobs | None = None  #: None: as they were
    places: Places  #: the jobs whose waits shall become shorter
    load: float  #: of their workers
    moved: Places = ()  #: the jobs that get a queue of their own
    moved_load: float = 0.0  #: of the workers of these
    patience: float = 1.0  #: how many times as long these may wait


def add_workers(crowd: Crowd) -> Iterator[Plan]:
    """Add one worker, two, three and so on."""
    mine, recent = crowd.mine, crowd.recent
    names = ",".join(printable(crowd.queues[queue]) or "(no name)" for queue in crowd.pool.queues)
    for added in ADDED:
        pools = [replace(crowd.pool, size=crowd.pool.size + added), *crowd.pools[1:]]
        yield Plan(
            text=f"add {plural(added, 'worker')} to {names}",
            added=added,
            pools=pools,
            places=mine,
            load=crowd.load(recent, sum(pool.size for pool in pools)),
        )


def give_own_queue(crowd: Crowd) -> Iterator[Plan]:
    """A queue of its own for the task that holds the workers: with some of them, else with more."""
    task = find_holder(crowd)
    if task is None:
        return
    kinds = zip(crowd.jobs.queue, crowd.task, strict=True)
    own_queue = len(crowd.queues)
    jobs = replace(crowd.jobs, queue=[own_queue if each == task else queue for queue, each in kinds])
    others = [place for place in crowd.mine if crowd.task[place] != task]
    own = [place for place in crowd.recent if crowd.task[place] == task]
    rest = [place for place in crowd.recent if crowd.task[place] != task]
    for size, added in split_workers(crowd.pool.size):
        left = replace(crowd.pool, size=crowd.pool.size + added - size)
        pools = [left, *crowd.pools[1:]]
        yield Plan(
            text=f"give {printable(short_name(crowd.tasks[task]))} a queue of its own with {size} "
            + (f"more worker{'s' * (size > 1)}" if added else "of its workers"),
            whose=" of the other tasks",
            added=added,
            pools=[*pools, Pool(queues=(own_queue,), size=size, since=crowd.pool.since)],
            jobs=jobs,
            places=others,
            load=crowd.load(rest, sum(pool.size for pool in pools)),
            moved=own,
            moved_load=crowd.load(own, size),
            patience=1.0 if added else PATIENCE,
        )


def find_holder(crowd: Crowd) -> int | None:
    """The task that took most of the workers' time; None where none took half of it."""
    works: dict[int, int] = {}
    for place in crowd.recent:
        works[crowd.task[place]] = works.get(crowd.task[place], 0) + crowd.jobs.took[place]
    most = max(works, key=lambda task: works[task])
    return most if works[most] >= HOLDER_SHARE * sum(works.values()) else None


def split_workers(size: int) -> Iterator[tuple[int, int]]:
    """How many workers a queue of its own may get, and how many of them are new, the cheapest first."""
    yield from ((own, 0) for own in range(1, size))
    yield from ((added, added) for added in ADDED)
