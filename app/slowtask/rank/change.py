"""RANK: a change to the tasks, workers or arrivals of a log, by the names that people use."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Final, Protocol

from slowtask.errors import UsageError
from slowtask.rank.crew import Runs
from slowtask.rank.replay import Jobs, Pool
from slowtask.units import printable

MAX_NAMES: Final = 5  #: in an error


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
    """What to change. A pool is named by its queues, `high,default`; None is the only pool."""

    now: Mapping[str | None, int] = field(default_factory=dict)  #: how many workers there really were
    workers: Mapping[str | None, int] = field(default_factory=dict)
    own: Mapping[str, int] = field(default_factory=dict)  #: by task: a queue with so many workers, added
    faster: Mapping[str, float] = field(default_factory=dict)  #: by task: its times are multiplied by it
    arrivals: float = 1.0  #: jobs come so many times as fast

    @property
    def any(self) -> bool:
        """Whether it changes anything."""
        return bool(self.workers or self.own or self.faster or self.arrivals != 1)


def apply_change(jobs: Jobs, log: Log, change: Change, own: Mapping[int, int]) -> Jobs:
    """*jobs* after *change*; tasks in *own* go to queues of their own, numbered after the others."""
    first = jobs.arrival[0]
    factors = [1.0] * len(log.tasks)
    for task, factor in change.faster.items():
        factors[find_task(log.tasks, task)] *= factor
    queues = {task: queue for queue, task in enumerate(own, len(log.queues))}
    return replace(
        jobs,
        arrival=jobs.arrival
        if change.arrivals == 1
        else [first + round((come - first) / change.arrivals) for come in jobs.arrival],
        took=[round(took * factors[task]) for took, task in zip(jobs.took, log.task, strict=True)],
        queue=[queues.get(task, queue) for queue, task in zip(jobs.queue, log.task, strict=True)],
    )


def find_task(tasks: Sequence[str], wanted: str, tail: str = " that can be replayed") -> int:
    """The position in *tasks* of the one named *wanted*, by its dotted path or by a unique end of it.

    Raises `UsageError` with the candidates; *tail* says what else is wanted of a task.
    """
    found = [n for n, task in enumerate(tasks) if task == wanted] or [
        n for n, task in enumerate(tasks) if task.endswith(f".{wanted}")
    ]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(
            f"{wanted!a} is the end of {len(found)} tasks: {join_names(tasks[n] for n in found)}."
            " Name one in full."
        )
    near = get_close_matches(wanted, [*tasks, *map(short_name, tasks)], cutoff=0.5) or sorted(tasks)
    raise UsageError(f"The log has no task {wanted!a}{tail}. It has {join_names(near)}.")


def resize_pools(pools: Sequence[Pool], sizes: Mapping[str | None, int], names: Sequence[str]) -> list[Pool]:
    """*pools*, those find_task in *sizes* with these. Raises `UsageError` where none or several are meant."""
    found = list(pools)
    for wanted, size in sizes.items():
        place = _find_pool(found, wanted, names)
        found[place] = replace(found[place], size=size)
    return found


def _find_pool(pools: Sequence[Pool], wanted: str | None, names: Sequence[str]) -> int:
    """The position of the pool that *wanted* names, by one of its queues or by all."""
    called = [[names[queue] for queue in pool.queues] for pool in pools]
    exact = [n for n, queues in enumerate(called) if wanted and sorted(wanted.split(",")) == sorted(queues)]
    found = exact or [n for n, queues in enumerate(called) if wanted is None or wanted in queues]
    if len(found) == 1:
        return found[0]
    groups = join_names(f"{','.join(queues)}:{pool.size}" for queues, pool in zip(called, pools, strict=True))
    if found:
        raise UsageError(
            f"The log has {len(pools)} groups of workers: {groups}. Name the group, in this form."
        )
    raise UsageError(f"No worker of the log serves a queue {wanted!a}. The groups of workers are {groups}.")


def short_name(task: str) -> str:
    """The end of a dotted path."""
    return task.rpartition(".")[2]


def join_names(names: Iterable[str]) -> str:
    """*names* in a sentence, at most `MAX_NAMES` of them."""
    shown = [printable(each) for each in names]
    return ", ".join(shown[:MAX_NAMES]) + (
        f" and {len(shown) - MAX_NAMES} more" if len(shown) > MAX_NAMES else ""
    )
