"""How quick is `slowtask whatif`? A million runs of 200 tasks on three queues, that 40 workers share.

    .venv/bin/python bench/bench_whatif.py                 # 0.5 GB, removed after
    .venv/bin/python bench/bench_whatif.py --count 100000 --rounds 1

Whole processes; the best of --rounds counts. The log is that of a simulation: jobs arrive a little slower
than the workers can work them off, in waves, so that waits are of milliseconds and of minutes.
"""

import argparse
import heapq
import math
import random
import sys
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import lines
from bench_top import SLOWTASK, best

from slowtask.record import event

WORKERS = 40
QUEUES = ("default", "mail", "slow")
MEAN = 0.5  #: seconds of a run
GAP = 15_000_000  #: ns that a worker needs between two runs
WAVE = 3600  #: seconds from one rush to the next


def generate(path: Path, count: int) -> None:
    """Write the log of *count* runs to *path*."""
    plain, _ = lines._templates()  # noqa: SLF001 - a neighbour
    names = [lines._name(task) for task in range(lines.TASKS)]  # noqa: SLF001
    with path.open("w") as file:
        for number, (start, took, wait, worker, task) in enumerate(runs(count)):
            begin = lines.BEGIN + timedelta(microseconds=start // 1000)
            end = begin + timedelta(microseconds=took // 1000)
            values = (event.iso(end), number, event.iso(begin), took, names[task], f"{number:036x}", wait)
            rest = (took // 3, 50_000_000, QUEUES[task % 3], worker, 4000 + worker)
            file.write(plain % (*values, *rest))


def runs(count: int) -> Iterator[tuple[int, int, int, int, int]]:
    """Start, duration and wait (ns), worker and task of each run: whichever job is oldest is run first."""
    chance = random.Random(20261106)
    weights = [1 / (task + 3) for task in range(lines.TASKS)]
    free = [(0, worker) for worker in range(WORKERS)]
    now = 0.0
    for task in chance.choices(range(lines.TASKS), weights, k=count):
        rush = 0.85 + 0.3 * math.sin(2 * math.pi * now / WAVE)
        now += chance.expovariate(rush * WORKERS / (MEAN + GAP / 1e9))
        took = int(1e9 * MEAN * math.exp(chance.gauss(-0.5, 1)))
        ready, worker = free[0]
        start = max(int(now * 1e9), ready) + GAP
        heapq.heapreplace(free, (start + took, worker))
        yield start, took, start - int(now * 1e9), worker, task


def measure(folder: Path, count: int, rounds: int) -> None:
    """Generate, measure, print."""
    log = folder / "runs.ndjson"
    generate(log, count)
    whatif = (*SLOWTASK, "whatif", str(log))
    found = best(
        {
            "whatif, nothing changed": whatif,
            "whatif --workers 50": (*whatif, "--workers", "50"),
            "whatif --own-queue, --faster": (
                *whatif, "--own-queue", "shop.jobs.send_mail:4", "--faster", "mail.jobs.render_mail:0.5",
            ),
        },
        rounds,
    )  # fmt: skip
    print(f"{count:,} runs, {log.stat().st_size / 1e9:.2f} GB, best of {rounds}\n")
    for name, (seconds, mebibytes) in found.items():
        print(f"{name:30} {seconds:6.2f} s {mebibytes:6.0f} MiB")


def main() -> None:
    """Read the arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--folder", type=Path, help="where the log goes, in a folder of its own")
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder, prefix="bench-whatif-") as folder:
        measure(Path(folder), arguments.count, arguments.rounds)


if __name__ == "__main__":
    sys.exit(main())
