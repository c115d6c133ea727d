"""The demonstration's jobs: the same mix each time."""

import random
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any, Final

from slowtask.demo import tasks

QUEUE: Final = "slowtask-demo"
KEPT: Final = {"result_ttl": 60, "failure_ttl": 60}  #: seconds that a Redis of the user's keeps a job
SEED: Final = 20210113  #: the same demonstration each time
Job = tuple[Callable[..., str], tuple[Any, ...]]  #: a task and its arguments


def mix() -> Iterator[Job]:
    """Jobs without end, the same each time: in ten four mails, three computations, three simple tasks."""
    chance = random.Random(SEED)
    for number in count():
        kind = chance.choices(("mail", "compute", "simple"), (4, 3, 3))[0]
        if kind == "mail":
            user = tasks.NOBODY if number % 20 == 0 else f"user{number}"
            yield tasks.send_mail, (user, round(chance.uniform(0, 1), 3))
        elif kind == "compute":
            yield tasks.compute, (chance.randrange(20_000, 400_000),)
        else:
            yield tasks.simple_task, ()
