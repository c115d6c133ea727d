"""Realistic log lines, fast: 200 tasks, lognormal times, every usual field, about 490 bytes a line."""

import math
import random
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from multiprocessing import Pool
from pathlib import Path

import msgspec

from slowtask.record import event

TASKS = 200
BLOCK = 50_000
BEGIN = datetime(2026, 11, 6, 9, tzinfo=UTC)
STEP = timedelta(milliseconds=25.1)  # from one end of a run to the next
AREAS = ("shop", "mail", "billing", "media", "search", "sync", "reports", "users")
VERBS = ("send", "render", "resize", "index", "import", "export", "charge", "purge", "score", "notify")
NOUNS = ("mail", "invoice", "image", "catalog", "feed", "order", "report", "session", "profile", "basket")


def generate(path: Path, count: int, processes: int = 2) -> None:
    """Write *count* lines in order of time to *path*."""
    jobs = [(first, min(BLOCK, count - first)) for first in range(0, count, BLOCK)]
    with path.open("wb") as file, Pool(processes) as pool:
        for block in pool.imap(_block, jobs):
            file.write(block)


def _block(job: tuple[int, int]) -> bytes:
    """The lines number *first* to *first + count*."""
    return "".join(_lines(*job)).encode()


def _lines(first: int, count: int) -> Iterator[str]:
    """Filled-in templates: task k is run about 1/k as often as the first."""
    chance = random.Random(first)
    templates, names = _templates(), [_name(k) for k in range(TASKS)]
    weights = [1 / (k + 3) for k in range(TASKS)]
    for number, task in enumerate(chance.choices(range(TASKS), weights, k=count), first):
        took = int(1e9 * math.exp(chance.gauss(-3 + task * 7 % 40 / 10, 1)))
        failed = chance.random() < task % 7 / 100
        end = BEGIN + STEP * number
        yield templates[failed] % (
            event.iso(end),
            event.write_id(chance.getrandbits(128).to_bytes(16)),
            event.iso(end - timedelta(microseconds=took // 1000)),
            took,
            names[task],
            _uuid(chance.getrandbits(128)),
            int(1e9 * chance.expovariate(0.05)),
            took // 3,
            50_000_000 + chance.getrandbits(26) // 4096 * 4096,
            ("default", "mail", "slow")[task % 3],
            number % 10,
            4000 + number % 10,
        )


def _name(number: int) -> str:
    """`shop.jobs.send_mail`, …: 200 of them."""
    return f"{AREAS[number % 8]}.jobs.{VERBS[number % 10]}_{NOUNS[number // 10 % 10]}" + "_all" * (
        number >= 100
    )


def _uuid(bits: int) -> str:
    """*bits* written as a UUID, as RQ names its jobs."""
    text = f"{bits:032x}"
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"


def _templates() -> tuple[str, str]:
    """A success's line and a failure's, written by the library itself, with places for what varies."""
    when = BEGIN
    run = event.Run(
        timestamp=when, id="<ID>", dataset="slowtask.run", start=when, duration=111, outcome="success",
        action="finished", task="<TASK>", task_id="<JOB>", attempt=1, wait=222, cpu=333, memory=444,
        queue="<QUEUE>", system="rq", worker="worker-<W>", pid=555555,
    )  # fmt: skip
    failed = msgspec.structs.replace(
        run, outcome="failure", action="failed", error="TimeoutError", message="the other side is gone"
    )
    return _template(run), _template(failed)


def _template(run: event.Run) -> str:
    """The line of *run* with a `%` place for each value that differs from line to line."""
    line = msgspec.json.encode(event.fields(run)).decode() + "\n"
    for old, new in (
        (event.iso(BEGIN), "%s"), ("<ID>", "%s"), ("<TASK>", "%s"), ("<JOB>", "%s"), ("<QUEUE>", "%s"),
        ("<W>", "%d"), (":111,", ":%d,"), (":222,", ":%d,"), (":333,", ":%d,"), (":444,", ":%d,"),
        (":555555", ":%d"),
    ):  # fmt: skip
        line = line.replace(old, new)
    return line


if __name__ == "__main__":
    generate(Path(sys.argv[1]), int(sys.argv[2]))
