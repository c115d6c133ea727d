"""The check of the simulation: real RQ workers, started and stopped by what a real monitor says over HTTP.

    .venv/bin/python bench/bench_scaling_real.py                  # 7 minutes
    .venv/bin/python bench/bench_scaling_real.py --seconds 60     # to see that it works

On a redis-server of its own. Jobs of one second on average keep two workers busy, then five; 95 of 100 may
wait for ten seconds. Every five seconds there shall be as many workers as are needed. The same jobs are then
simulated.
"""

import argparse
import json
import math
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from rq import Queue

from slowtask.demo import tasks
from slowtask.demo.server import Server, free_port
from slowtask.demo.workers import Workers, without_settings

sys.path.append(str(Path(__file__).parent.parent / "tests" / "support"))

from scaling.autoscalers import Script
from scaling.loads import Job, Load
from scaling.trial import Outcome, Times, count_needed, find_ideal, measure_waits, run

SYNC = 5  # seconds between two decisions
MOST = 16  # workers
SETTINGS = """\
redis_url = "{url}"
interval = 1
metrics = "127.0.0.1:{port}"
runs = ["{log}"]
log = "off"
[targets]
share = 0.95
[targets.wait]
mail = 10
"""


def make_load(seconds: float) -> Load:
    """Two jobs a second, in the second half five."""
    return Load(
        name="real",
        rate=lambda now: 2.0 if now < seconds / 2 else 5.0,
        mean=1.0,
        draw=lambda chance: ("send_mail", chance.expovariate(1.0)),
        seconds=seconds,
        target=10.0,
        warm_up=60.0,
    )


class Crew:
    """The workers, of which the newest is asked to stop first."""

    def __init__(self, workers: Workers) -> None:
        self._workers = workers
        self._serving: list[subprocess.Popen[bytes]] = []
        self._began: dict[int, float] = {}
        self.lives: list[tuple[float, float]] = []  # when each worker began and ended
        self._number = 0

    def scale(self, count: int) -> None:
        """Have *count* workers that take jobs."""
        while len(self._serving) < count:
            self._number += 1
            worker = self._workers.start(f"worker-{self._number}.log")
            self._serving.append(worker)
            threading.Thread(target=self._note, args=(worker, time.monotonic()), daemon=True).start()
        while len(self._serving) > count:
            self._serving.pop().terminate()

    def _note(self, worker: subprocess.Popen[bytes], began: float) -> None:
        """Note the life of a worker when it has ended."""
        self._began[worker.pid] = began
        worker.wait()
        self.lives.append((self._began.pop(worker.pid), time.monotonic()))

    def hours(self, since: float, until: float) -> float:
        """The worker-hours in a time."""
        lives = self.lives + [(began, until) for began in self._began.values()]
        return sum(max(0.0, min(end, until) - max(began, since)) for began, end in lives) / 3600


def ask(port: int) -> int | None:
    """How many workers the monitor says that the queue needs; None while it doesn't know."""
    with suppress(URLError, OSError), urlopen(f"http://127.0.0.1:{port}/scale/rq?queue=mail") as answer:
        return int(json.load(answer)["workers_needed"])
    return None


def enqueue(queue: Queue, jobs: Sequence[Job], begin: float) -> None:
    """Add each job at its time."""
    for job in jobs:
        time.sleep(max(0.0, begin + job.arrival - time.monotonic()))
        queue.enqueue(tasks.send_mail, "user", job.took)


def run_real(load: Load, jobs: Sequence[Job], folder: Path) -> Outcome:
    """Run *jobs* on real workers."""
    log, port = folder / "slowtask.ndjson", free_port()
    with Server(folder) as server, Workers(folder, server.url, 0, queue="mail", log=log) as workers:
        settings = folder / "slowtask.toml"
        settings.write_text(SETTINGS.format(url=server.url, port=port, log=log), encoding="utf-8")
        command = [str(Path(sys.executable).parent / "slowtask"), "monitor", "--config", str(settings)]
        with (folder / "monitor.log").open("wb") as output:
            monitor = subprocess.Popen(command, stderr=output, env=without_settings(os.environ))
        crew, begin = Crew(workers), time.monotonic()
        queue = Queue("mail", connection=server.client())
        threading.Thread(target=enqueue, args=(queue, jobs, begin), daemon=True).start()
        crew.scale(math.ceil(load.offered(0.0)) + 1)
        end, warm = begin + load.warm_up + load.seconds, time.time() + load.warm_up
        while (now := time.monotonic()) < end:
            needed = ask(port)
            print(
                f"{now - begin:4.0f} s: needed {needed}, waiting {queue.count}", file=sys.stderr, flush=True
            )
            if needed is not None:
                crew.scale(min(MOST, max(1, needed)))
            time.sleep(SYNC)
        hours = crew.hours(begin + load.warm_up, end)
        wait_until_done(queue)
        monitor.terminate()
        monitor.wait()
        return measure_waits(load, read_waits(log, warm), hours)


def wait_until_done(queue: Queue) -> None:
    """Wait until no job waits or runs.

    RQ loses one now and then if a worker is told to stop at the moment in which it takes a job: it stays in
    the queue's intermediate list until RQ's own cleaning fails it.
    """
    while queue.count or queue.started_job_registry.count:
        time.sleep(0.5)
    lost = queue.connection.llen(queue.intermediate_queue_key)
    print(f"{lost} jobs lost by RQ", file=sys.stderr)


def read_waits(log: Path, since: float) -> list[float]:
    """The waits of the jobs that came *since* then (seconds since the epoch), by the workers' records."""
    records = [json.loads(line) for line in log.read_bytes().splitlines()]
    runs = [
        (datetime.fromisoformat(each["event.start"]).timestamp(), each["task.wait"] / 1e9) for each in records
    ]
    return [wait for start, wait in runs if start - wait >= since]


def main() -> None:
    """Print a table: real, and simulated."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=360.0, help="after a minute to warm up")
    parser.add_argument("--seed", type=int, default=random.randrange(1000), help="of the jobs")
    options = parser.parse_args()
    load = make_load(options.seconds)
    jobs = load.jobs(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        real = run_real(load, jobs, Path(folder))
    simulated = run(load, jobs, count_needed, Script(), Times(poll=1, sync=SYNC, start=1.0))
    ideal = find_ideal(load, jobs)
    print(f"{len(jobs)} jobs, seed {options.seed}\n\n| | p95 wait | worker-hours | by the ideal's |")
    print("| --- | --- | --- | --- |")
    for name, each in (("real", real), ("simulated", simulated), ("ideal", ideal)):
        print(f"| {name} | {each.p95:.1f} s | {each.hours:.3f} | {each.hours / ideal.hours:.2f} |")


if __name__ == "__main__":
    main()
