"""The demonstration's jobs: the same mixture of tasks each time."""

import random
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any, Final

from slowtask.demo import tasks

QUEUE: Final = "slowtask-demo"
KEEP_TIMES: Final = {"result_ttl": 60, "failure_ttl": 60}  #: seconds that Redis keeps a finished job
SEED: Final = 20210113  #: makes each demonstration the same
Job = tuple[Callable[..., str], tuple[Any, ...]]  #: a task and its arguments


def mix(
    weights: tuple[int, int, int] = (4, 3, 3), rounds: tuple[int, int] = (20_000, 400_000)
) -> Iterator[Job]:
    """Yield jobs without end, the same each time.

    Args:
        weights: How many mails, computations and simple tasks there are among so many.
        rounds: The least and the most work of a computation.
    """
    chance = random.Random(SEED)
    for number in count():
        kind = chance.choices(("mail", "compute", "simple"), weights)[0]
        if kind == "mail":
            user = tasks.NOBODY if number % 20 == 0 else f"user{number}"
            yield tasks.send_mail, (user, round(chance.uniform(0, 1), 3))
        elif kind == "compute":
            yield tasks.compute, (chance.randrange(*rounds),)
        else:
            yield tasks.simple_task, ()


def release_mix() -> Iterator[Job]:
    """Yield the jobs of a release: mostly computations of much the same size, so that few show a change."""
    return mix((2, 5, 3), (150_000, 250_000))
