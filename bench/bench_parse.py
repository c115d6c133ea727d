"""How many lines a second `parse.scan` reads: a million each of text, RQ 3 and Celery lines.

Run it with `python bench/bench_parse.py [LINES] [PROCESSES]`; the files go to a temporary folder (300 MB).
"""

import random
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import islice
from pathlib import Path

from slowtask.parse import scan
from slowtask.sources import resolve

BEGIN = datetime(2026, 11, 23, 0, 0, 1)  # noqa: DTZ001 - a log's local time
TASKS = [f"shop.jobs.task_{number}" for number in range(200)]


def text() -> Iterator[str]:
    """Lines of the text format, 50 ms apart."""
    for number in range(sys.maxsize):
        at = BEGIN + timedelta(milliseconds=50 * number)
        stamp = f"{at:%Y-%m-%d %H:%M:%S},{at.microsecond // 1000:03}"
        yield f"Time: {stamp} Task: {random.choice(TASKS)} Task-time: {random.expovariate(1)}"


def rq() -> Iterator[str]:
    """Lines of one RQ 3 worker: four for each job."""
    worker = uuid.uuid4().hex
    at = BEGIN
    for _ in range(sys.maxsize):
        took = timedelta(microseconds=random.randrange(400_000))
        job, call = uuid.UUID(int=random.getrandbits(128)), f"{random.choice(TASKS)}(username='elon')"
        yield f"{at:%H:%M:%S} Worker {worker}: default: {call} ({job})"
        at += took
        yield f"{at:%H:%M:%S} Successfully completed {call} job in {took}s on worker {worker}"
        yield f"{at:%H:%M:%S} Worker {worker}: default: Job OK ({job})"
        yield f"{at:%H:%M:%S} Worker {worker}: job {job} result is kept for 500 seconds"


def celery() -> Iterator[str]:
    """Lines of a Celery worker: two for each task."""
    for number in range(sys.maxsize):
        at = BEGIN + timedelta(milliseconds=25 * number)
        stamp = f"{at:%Y-%m-%d %H:%M:%S},{at.microsecond // 1000:03}"
        task, job = random.choice(TASKS), uuid.UUID(int=random.getrandbits(128))
        yield f"[{stamp}: INFO/MainProcess] Task {task}[{job}] received"
        yield f"[{stamp}: INFO/ForkPoolWorker-1] Task {task}[{job}] succeeded in {random.random()}s: 'done'"


def main() -> None:
    lines, processes = (*map(int, sys.argv[1:]), *(1_000_000, 2)[len(sys.argv) - 1 :])
    random.seed(1)
    print(f"{'FORMAT':8}{'LINES':>12}{'EVENTS':>12}{'SECONDS':>10}{'LINES/S':>12}")
    with tempfile.TemporaryDirectory() as folder:
        for make in (text, rq, celery):
            log = Path(folder, f"{make.__name__}.log")
            with log.open("w") as file:
                file.writelines(f"{line}\n" for line in islice(make(), lines))
            before = time.perf_counter()
            tally = scan(resolve([str(log)]), Path(folder), date=date(2026, 11, 23), processes=processes)
            took = time.perf_counter() - before
            print(
                f"{make.__name__:8}{tally.lines:12,}{tally.events:12,}{took:10.2f}{tally.lines / took:12,.0f}"
            )


if __name__ == "__main__":
    main()
