"""How many lines a second are read: two million each of text, RQ 3 and Celery lines, bare and carried.

By `parse.scan` alone, and by `slowtask top` as a whole process; the best of three rounds. Run it with
`python bench/bench_parse.py [LINES] [PROCESSES]`; the files go to a temporary folder (500 MB at a time).
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import islice
from pathlib import Path

from slowtask.parse.scan import scan
from slowtask.parse.sources import resolve

ROUNDS = 3
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


def rq_docker() -> Iterator[str]:
    """The lines of RQ as `docker logs -t` shows them."""
    for line in rq():
        yield f"2026-11-23T{line[:8]}.123456789Z {line}"


def celery_docker() -> Iterator[str]:
    """The lines of Celery as `docker logs -t` shows them."""
    for line in celery():
        yield f"{line[1:11]}T{line[12:20]}.{line[21:24]}456789Z {line}"


def celery_compose() -> Iterator[str]:
    """The lines of Celery as `docker compose logs` shows them."""
    for line in celery():
        yield f"worker-1  | {line}"


def celery_json() -> Iterator[str]:
    """The lines of Celery in Docker's own files."""
    for line in celery():
        time = f"{line[1:11]}T{line[12:20]}.{line[21:24]}456789Z"
        yield json.dumps({"log": f"{line}\n", "stream": "stderr", "time": time})


def celery_django() -> Iterator[str]:
    """The lines of Celery with the verbose head of Django's documentation."""
    for line in celery():
        yield f"INFO {line[1:24]} trace 71 140031597243208 {line.partition('] ')[2]}"


FORMATS = (text, rq, celery, rq_docker, celery_docker, celery_compose, celery_json, celery_django)


def main() -> None:
    """Measure each format, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lines", nargs="?", type=int, default=2_000_000, help="of each format")
    parser.add_argument("processes", nargs="?", type=int, default=2)
    arguments = parser.parse_args()
    lines, processes = arguments.lines, arguments.processes
    random.seed(1)
    heads = f"{'FORMAT':16}{'LINES':>12}{'EVENTS':>12}"
    print(heads + f"{'SCAN':>8}{'LINES/S':>12}{'TOP':>8}{'LINES/S':>12}")
    with tempfile.TemporaryDirectory() as folder:
        for make in FORMATS:
            log = Path(folder, f"{make.__name__}.log")
            with log.open("w") as file:
                file.writelines(f"{line}\n" for line in islice(make(), lines))
            events, scanned = scanning(log, Path(folder), processes)
            top = min(topping(log) for _ in range(ROUNDS))
            rates = f"{scanned:8.2f}{lines / scanned:12,.0f}{top:8.2f}{lines / top:12,.0f}"
            print(f"{make.__name__:16}{lines:12,}{events:12,}{rates}")
            log.unlink()


def scanning(log: Path, folder: Path, processes: int) -> tuple[int, float]:
    """How many events `scan` finds in *log*, and the seconds of its best round."""
    took = []
    for _ in range(ROUNDS):
        before = time.perf_counter()
        tally = scan(resolve([str(log)]), folder, date=date(2026, 11, 23), processes=processes)
        took.append(time.perf_counter() - before)
    return tally.events, min(took)


def topping(log: Path) -> float:
    """Seconds of `slowtask top` over *log*, a process of its own."""
    before = time.perf_counter()
    command = [sys.executable, "-m", "slowtask", "top", log, "--date", "2026-11-23", "--json"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - before


if __name__ == "__main__":
    main()
