"""A year of logs: 50 tasks, three queues, and what a monitor saw; a rush on some days."""

import math
import random
from datetime import UTC, datetime, timedelta

import msgspec

from logs import line
from slowtask.record import event, sample

BEGIN = datetime(2025, 11, 1, tzinfo=UTC)
DAYS = 365
QUEUES = ("default", "mail", "reports")
VERBS = ("send", "render", "resize", "index", "import", "export", "charge", "purge", "score", "notify")
NOUNS = ("mail", "invoice", "image", "catalog", "feed")
TASKS = [f"shop.jobs.{verb}_{noun}" for noun in NOUNS for verb in VERBS]
ERRORS = ("TimeoutError", "smtplib.SMTPServerDisconnected", "redis.exceptions.ConnectionError", "ValueError")


def write(path, runs=40_000, days=DAYS, *, samples=True):
    """Write the log at *path*: *runs* of it over *days*, and twelve samples a day."""
    chance = random.Random(1)
    with path.open("wb") as file:
        for number in range(runs):
            file.write(line(run(chance, number, days * number / runs, days)) + b"\n")
        for number in range(12 * 365 if samples else 0):
            for each in seen(chance, days * number / (12 * 365), number, days):
                file.write(msgspec.json.encode(each) + b"\n")
    return path


def rush(day, days):
    """How much is going on: more by the year's end, most in a rush that passes."""
    share = day / days
    return 1 + share + 3 * math.exp(-(((share - 0.78) * 40) ** 2)) + 0.3 * math.sin(day * 6.28 / 7)


def run(chance, number, day, days):
    """One run: task k is run about 1/k as often as the first."""
    [place] = chance.choices(range(len(TASKS)), [1 / (each + 2) for each in range(len(TASKS))])
    slow = rush(day, days) if place == 0 else 1
    failed = chance.random() < (place % 7) / 120
    return event.Run(
        timestamp=BEGIN + timedelta(days=day),
        id=f"{number:032x}",
        dataset=event.DATASET,
        duration=int(1e9 * slow * math.exp(chance.gauss(-2 + place * 7 % 40 / 9, 0.7))),
        outcome="failure" if failed else "success",
        task=TASKS[place],
        wait=int(1e9 * chance.expovariate(1 / (4 * rush(day, days) ** 2 * (1 + place % 3)))),
        queue=QUEUES[place % 3],
        error=chance.choice(ERRORS[: 1 + place % 4]) if failed else None,
    )


def seen(chance, day, number, days):
    """What a monitor saw then."""
    common = {"timestamp": BEGIN + timedelta(days=day), "dataset": sample.QUEUE_DATASET}
    level = rush(day, days)
    for place, queue in enumerate(QUEUES):
        yield sample.QueueSample(
            **common,
            id=f"q{number}-{place}",
            queue=queue,
            system="rq",
            depth=int(40 * level**3 * chance.uniform(0.5, 1.2) / (1 + place)),
        )
    yield sample.BrokerSample(
        **common,
        id=f"b{number}",
        system="redis",
        name="redis://queue:6379",
        capacity=min(0.99, 0.17 * level * chance.uniform(0.9, 1.1)),
    )
