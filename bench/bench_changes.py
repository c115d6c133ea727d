"""How surely a task that became slower is found, and how often one is found that didn't.

    .venv/bin/python bench/bench_changes.py
    .venv/bin/python bench/bench_changes.py --seeds 20 --days 3   # to see that it works

Run times are simulated: log-normal, with a daily rhythm, a mix of small and large jobs that changes over the
day, and noise that lasts for an hour or so. They go through the same code as a monitor's.
"""

import argparse
import math
import random
import time
from collections.abc import Iterator

from slowtask.watch.shift import INTERVAL, Level, compare, is_sure

DAY = 86400.0
HISTORY = 110  # intervals before a step: more than a day
STEP = 1.3
# By name: runs an hour, the spread of their logarithms, the daily rhythm, and the share of large jobs.
TASKS = {
    "mail": (1800, 0.3, 0.10, 0.0, 0.0),
    "thumb": (600, 0.5, 0.15, 0.0, 0.0),
    "export": (60, 0.8, 0.15, 0.1, 0.3),
    "price": (240, 0.4, 0.25, 0.2, 0.4),
    "sync": (20, 0.6, 0.20, 0.0, 0.0),
    "report": (4, 0.3, 0.15, 0.3, 0.6),
}


def find_step(sigma: float, runs: int, seed: int) -> int | None:
    """Intervals from a step to its alarm; None if two don't show it. *runs* come in 15 minutes."""
    chance, level, now, step = random.Random(seed), Level(), 0.0, math.inf
    while level.ended < step + 2:
        if level.ended >= HISTORY and step == math.inf:
            step = level.ended
        if level.shift:
            return int(level.ended - step) if step < math.inf else None
        level.add(math.exp(chance.gauss(0.0, sigma)) * (STEP if step < math.inf else 1.0), now)
        now += INTERVAL / runs
    return 2 if level.shift else None


def month(task: str, days: float, seed: int) -> Iterator[tuple[float, float]]:
    """The run times of *task* over *days*: when, and how long."""
    rate, sigma, rhythm, least, most = TASKS[task]
    chance, now, noise = random.Random(f"{task}{seed}"), 0.0, 0.0
    while now < days * DAY:
        phase = math.sin(2 * math.pi * now / DAY)
        busy = 1 + 0.8 * phase
        gap = chance.expovariate(rate / 3600 * busy)
        noise = noise * math.exp(-gap / 3600) + chance.gauss(0.0, 0.05 * math.sqrt(min(1.0, gap / 1800)))
        large = chance.random() < least + (most - least) * (phase + 1) / 2
        now += gap
        yield now, math.exp(chance.gauss(rhythm * phase + noise + (2.0 if large else 0.0), sigma))


def count_false_alarms(task: str, days: float, seed: int) -> tuple[int, int]:
    """How many alarms *days* without any change give, and of how many runs."""
    level, alarms, runs, before = Level(), 0, 0, False
    for now, took in month(task, days, seed):
        level.add(took, now)
        runs += 1
        alarms += level.shift is not None and not before
        before = level.shift is not None
    return alarms, runs


def find_release(sigma: float, factor: float, runs: int, seed: int) -> bool:
    """Whether the first *runs* of a new version show that it is *factor* times slower."""
    chance = random.Random(seed)
    old = [chance.gauss(0.0, sigma) for _ in range(200)]
    new = [chance.gauss(math.log(factor), sigma) for _ in range(runs)]
    return is_sure(*compare(old, new, 0.0))


def print_steps(seeds: int) -> None:
    """Print how many steps two intervals show."""
    print(f"a step by {STEP}: found within two intervals ({seeds} seeds)")
    print(f"{'spread':>8}{'runs in 15 min':>16}{'found':>9}{'hours':>8}")
    for sigma in (0.3, 0.5, 0.8):
        for runs in (20, 50, 100, 300):
            found = [find_step(sigma, runs, seed) for seed in range(seeds)]
            share = sum(each is not None for each in found) / seeds
            hours = 2 * max(1.0, min(480, max(20, 720 * sigma**2)) / runs) / 4
            print(f"{sigma:8}{runs:16}{share:9.1%}{hours:8.1f}")


def print_releases(seeds: int) -> None:
    """Print how many releases show by their first runs."""
    print(f"\na release, by its first runs against 200 of the old version ({seeds} seeds)")
    print(f"{'spread':>8}{'factor':>8}" + "".join(f"{f'{runs} runs':>10}" for runs in (10, 20, 40, 80)))
    for sigma in (0.3, 0.5, 0.8):
        for factor in (1.0, 1.3, 2.0, 3.0):
            shares = [
                sum(find_release(sigma, factor, runs, seed) for seed in range(seeds)) / seeds
                for runs in (10, 20, 40, 80)
            ]
            print(f"{sigma:8}{factor:8}" + "".join(f"{share:10.1%}" for share in shares))


def print_false_alarms(days: float, seeds: int) -> None:
    """Print how many alarms there are without a change."""
    print(f"\nwithout any change, {days:g} days ({seeds} seeds)")
    total, start = 0, time.perf_counter()
    for task in TASKS:
        alarms, runs = map(
            sum, zip(*(count_false_alarms(task, days, seed) for seed in range(seeds)), strict=True)
        )
        total += alarms
        print(f"{task:10}{runs:12,} runs{alarms:5} alarms", flush=True)
    print(f"{total / seeds:.2f} alarms of {len(TASKS)} tasks in {days:g} days")
    print(f"took {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--months", type=int, default=10)
    parser.add_argument("--days", type=float, default=30.0)
    arguments = parser.parse_args()
    print_releases(10 * arguments.seeds)
    print_steps(arguments.seeds)
    print_false_alarms(arguments.days, arguments.months)
