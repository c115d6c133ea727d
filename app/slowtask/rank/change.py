"""REPLAY: a change to a log's tasks, workers or arrivals, by the names that people call them. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Final, Protocol

from slowtask.errors import UsageError
from slowtask.rank.crew import Runs
from slowtask.rank.replay import Jobs, Pool
from slowtask.units import printable

LISTED: Final = 5  #: names in an error, at most


class Log(Runs, Protocol):
    """The runs of a log, with their names."""

    @property
    def task(self) -> Sequence[int]: ...  # noqa: D102
    @property
    def tasks(self) -> Sequence[str]: ...  # noqa: D102
    @property
    def queues(self) -> Sequence[str]: ...  # noqa: D102


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What to change. A pool is called by its queues, `high,default`; None: the only one."""

    now: Mapping[str | None, int] = field(default_factory=dict)  #: how many workers there really were
    workers: Mapping[str | None, int] = field(default_factory=dict)
    own: Mapping[str, int] = field(default_factory=dict)  #: by task: a queue with so many workers, added
    faster: Mapping[str, float] = field(default_factory=dict)  #: by task: its times are multiplied by it
    arrivals: float = 1.0  #: jobs come so many times as fast

    @property
    def any(self) -> bool:
        """Whether it changes anything."""
        return bool(self.workers or self.own or self.faster or self.arrivals != 1)


def changed(jobs: Jobs, log: Log, change: Change, own: Mapping[int, int]) -> Jobs:
    """*jobs* as *change* has them; tasks in *own* go to queues of their own, numbered after the others."""
    first = jobs.arrival[0]
    factors = [1.0] * len(log.tasks)
    for task, factor in change.faster.items():
        factors[named(log.tasks, task)] *= factor
    queues = {task: queue for queue, task in enumerate(own, len(log.queues))}
    return replace(
        jobs,
        arrival=jobs.arrival
        if change.arrivals == 1
        else [first + round((come - first) / change.arrivals) for come in jobs.arrival],
        took=[round(took * factors[task]) for took, task in zip(jobs.took, log.task, strict=True)],
        queue=[queues.get(task, queue) for queue, task in zip(jobs.queue, log.task, strict=True)],
    )


def named(tasks: Sequence[str], wanted: str) -> int:
    """The place in *tasks* of the one called *wanted*: its dotted path, or its end if only one has that.

    Raises `UsageError` with the candidates.
    """
    found = [n for n, task in enumerate(tasks) if task == wanted] or [
        n for n, task in enumerate(tasks) if task.endswith(f".{wanted}")
    ]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(
            f"{wanted!a} are {len(found)} tasks: {listed(tasks[n] for n in found)}: name one in full."
        )
    near = get_close_matches(wanted, [*tasks, *map(last, tasks)], cutoff=0.5) or sorted(tasks)
    raise UsageError(f"No run of a task {wanted!a} can be replayed; there are {listed(near)}.")


def resized(pools: Sequence[Pool], sizes: Mapping[str | None, int], names: Sequence[str]) -> list[Pool]:
    """*pools*, those named in *sizes* with these. Raises `UsageError` where none or several are meant."""
    found = list(pools)
    for wanted, size in sizes.items():
        place = _meant(found, wanted, names)
        found[place] = replace(found[place], size=size)
    return found


def _meant(pools: Sequence[Pool], wanted: str | None, names: Sequence[str]) -> int:
    """The place of the pool that *wanted* names by one of its queues, or by all."""
    called = [[names[queue] for queue in pool.queues] for pool in pools]
    exact = [n for n, queues in enumerate(called) if wanted and sorted(wanted.split(",")) == sorted(queues)]
    found = exact or [n for n, queues in enumerate(called) if wanted is None or wanted in queues]
    if len(found) == 1:
        return found[0]
    groups = listed(f"{','.join(queues)}:{pool.size}" for queues, pool in zip(called, pools, strict=True))
    if found:
        raise UsageError(
            f"The log has {len(pools)} groups of workers, {groups}: say whose number it is, like that."
        )
    raise UsageError(f"No worker was seen on a queue {wanted!a}; the groups of workers are {groups}.")


def last(task: str) -> str:
    """The end of a dotted path."""
    return task.rpartition(".")[2]


def listed(names: Iterable[str]) -> str:
    """*names* in a sentence, not more than five."""
    shown = [printable(each) for each in names]
    return ", ".join(shown[:LISTED]) + (f" and {len(shown) - LISTED} more" if len(shown) > LISTED else "")
