"""How surely `slowtask diff` finds a task that became slower by 1.3, and how often it names one that didn't.

    .venv/bin/python bench/bench_diff_power.py
    .venv/bin/python bench/bench_diff_power.py --pairs 50 --runs 200 200   # to see that it works

Pairs of windows are simulated: log-normal run times, heavy tails, tails with a sharp lower edge, small and
large jobs. Each is judged when all runs take 1.3 times as long, when nothing changed, and, where there are
small and large jobs, when only their shares did. "Possible" is what the best test of this level finds that
knows how the run times are distributed, by Fisher's information, which says nothing where the edge is sharp.
"""

import argparse
import math
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist
from typing import NamedTuple

from slowtask.rank.difference import MIN_Z, judge_times
from slowtask.rank.pairwise import BIN

SLOWDOWN = 1.3
SECOND = math.log(1e9)
RUNS = ((200, 200), (200, 20_000), (20_000, 200), (1000, 500), (5000, 5000))
MUCH_MORE = 10  # times as many runs
REPEATED = 25  # pairs with the same side
Draw = Callable[[random.Random], float]


@dataclass(frozen=True)
class Task:
    """How the logarithms of a task's run times are distributed."""

    draw: Draw
    density: Callable[[float], float] | None = None  # None: it has a sharp edge
    mixed: Draw | None = None  # with other shares of small and large jobs

    @cached_property
    def information(self) -> float:
        """Fisher's, of one run."""
        return measure_information(self.density) if self.density else math.inf

    def possible(self, before: int, after: int) -> float:
        """The share of slowdowns that the best test finds that knows the density."""
        error = math.sqrt((before + after) / (before * after) / self.information)
        return NormalDist().cdf(math.log(SLOWDOWN) / error - MIN_Z) if error else 1.0


def normal(spread: float) -> Task:
    return Task(lambda chance: chance.gauss(0, spread), NormalDist(0, spread).pdf)


def jobs(spread: float, factor: float, share: float, other: float) -> Task:
    """A *share* of jobs takes *factor* times as long; or an *other* share."""
    small, large = NormalDist(0, spread), NormalDist(math.log(factor), spread)

    def draw(share: float) -> Draw:
        return lambda chance: chance.gauss(large.mean if chance.random() < share else 0, spread)

    return Task(draw(share), lambda x: (1 - share) * small.pdf(x) + share * large.pdf(x), draw(other))


def long_tail(spread: float, share: float) -> Task:
    """A *share* of runs takes longer, by a factor of Pareto's distribution."""
    core = NormalDist(0, spread)
    steps = [0.05 * (n + 0.5) for n in range(160)]

    def draw(chance: random.Random) -> float:
        return chance.gauss(0, spread) + (1 + chance.expovariate(1) if chance.random() < share else 0)

    def density(x: float) -> float:
        tail = sum(0.05 * math.exp(-step) * core.pdf(x - 1 - step) for step in steps)
        return (1 - share) * core.pdf(x) + share * tail

    return Task(draw, density)


def weibull(shape: float) -> Task:
    def density(x: float) -> float:
        power = math.exp(min(shape * x, 100.0))
        return shape * power * math.exp(-power) if power < 700 else 0.0

    return Task(lambda chance: math.log(max(chance.weibullvariate(1, shape), 1e-9)), density)


def pareto(shape: float) -> Task:
    return Task(lambda chance: chance.expovariate(shape))


TASKS: Mapping[str, Task] = {
    **{f"log-normal, {spread}": normal(spread) for spread in (0.1, 0.3, 0.5, 0.65, 0.8, 1.0, 1.5)},
    "log-normal, 0.4, and 5 % long": long_tail(0.4, 0.05),
    "log-normal, 0.6, and 10 % long": long_tail(0.6, 0.10),
    "Pareto, 1.2": pareto(1.2),
    "Pareto, 2": pareto(2.0),
    "Weibull, 0.5": weibull(0.5),
    "Weibull, 1": weibull(1.0),
    "Weibull, 2": weibull(2.0),
    "10 times as large: 20 %, 40 %; 0.3": jobs(0.3, 10, 0.2, 0.4),
    "10 times as large: 10 %, 50 %; 0.4": jobs(0.4, 10, 0.1, 0.5),
    "20 times as large: 5 %, 15 %; 0.5": jobs(0.5, 20, 0.05, 0.15),
    "4 times as large: 20 %, 50 %; 0.4": jobs(0.4, 4, 0.2, 0.5),
    "8 times as large: 30 %, 70 %; 0.6": jobs(0.6, 8, 0.3, 0.7),
}


class Rates(NamedTuple):
    """What pairs of windows are called, as shares."""

    slower: float
    mix: float
    covered: float  # of the intervals hold the true ratio
    spent: float  # seconds a pair


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=2000, help="of 200 runs each; fewer of more")
    parser.add_argument("--runs", type=int, nargs=2, action="append", metavar=("BEFORE", "AFTER"))
    parser.add_argument("--task", action="append", choices=TASKS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--any", type=int, metavar="PAIRS", help="only so many pairs of any task and numbers of runs"
    )
    options = parser.parse_args()
    if options.any:
        print_any(options.any, random.Random(options.seed))
        return
    for before, after in options.runs or RUNS:
        pairs = min(options.pairs, max(100, options.pairs * 500 // min(before, after)))
        print(f"\n{before:,} runs before, {after:,} after, {pairs:,} pairs\n")
        print("| Run times | Found | Possible | Unchanged: slower | Mix: mix | Mix: slower | Interval | ms |")
        print("| --- | --- | --- | --- | --- | --- | --- | --- |")
        for name in options.task or TASKS:
            cells = measure(TASKS[name], before, after, pairs, random.Random(f"{name}{options.seed}"))
            print("|", " | ".join([name, *cells]), "|", flush=True)


def print_any(pairs: int, chance: random.Random) -> None:
    """Print how many of *pairs* are judged rightly, of any task, with 200 to 20,000 runs on each side."""
    found, possible, likely, likely_found, wrong, mixed, wrong_mixed = 0, 0.0, 0, 0, 0, 0, 0
    for _ in range(pairs):
        task = chance.choice([*TASKS.values()])
        before, after = (int(200 * 100 ** chance.random()) for _ in range(2))
        first = draw_times(task.draw, before, chance)
        slower = judge_times(first, draw_times(task.draw, after, chance, SLOWDOWN)).slower
        wrong += judge_times(first, draw_times(task.draw, after, chance)).slower
        found += slower
        possible += task.possible(before, after)
        if task.possible(before, after) >= 0.95:
            likely += 1
            likely_found += slower
        if task.mixed:
            mixed += 1
            wrong_mixed += judge_times(first, draw_times(task.mixed, after, chance)).slower
    print(f"{pairs:,} pairs of any task, 200 to 20,000 runs on each side")
    print(f"slower by {SLOWDOWN}: found {found / pairs:.1%}, possible {possible / pairs:.1%}")
    share = likely_found / max(likely, 1)
    print(f"  where 95 % are possible: found {likely_found:,} of {likely:,}, {share:.1%}")
    print(f"unchanged: called slower {wrong:,}, {wrong / pairs:.2%}")
    print(f"another mix: called slower {wrong_mixed:,} of {mixed:,}, {wrong_mixed / max(mixed, 1):.2%}")


def measure(task: Task, before: int, after: int, pairs: int, chance: random.Random) -> Iterator[str]:
    """The cells of one row of the table."""

    def judge(later: Draw, factor: float = 1.0) -> Rates:
        first = repeat(lambda: draw_times(task.draw, before, chance), before >= MUCH_MORE * after)
        second = repeat(lambda: draw_times(later, after, chance, factor), after >= MUCH_MORE * before)
        return judge_pairs(first, second, factor, pairs)

    slow, same = judge(task.draw, SLOWDOWN), judge(task.draw)
    mixed = judge(task.mixed) if task.mixed else None
    yield f"{slow.slower:.1%}"
    yield f"{task.possible(before, after):.1%}" if task.density else ""
    yield f"{same.slower:.2%}"
    yield from (f"{mixed.mix:.1%}", f"{mixed.slower:.1%}") if mixed else ("", "")
    yield f"{(slow.covered + same.covered) / 2:.1%}"
    yield f"{500 * (slow.spent + same.spent):.1f}"


def repeat(draw: Callable[[], Counter[int]], often: bool) -> Iterator[Counter[int]]:  # noqa: FBT001
    """Drawn sides; *often* the same: one that has far more runs than the other hardly varies."""
    while True:
        side = draw()
        yield from [side] * (REPEATED if often else 1)


def judge_pairs(
    before: Iterator[Counter[int]], after: Iterator[Counter[int]], factor: float, pairs: int
) -> Rates:
    """Judge so many *pairs*, of which the runs after take *factor* times as long."""
    found, covered, spent = Counter[str](), 0, 0.0
    for _ in range(pairs):
        sides = next(before), next(after)
        start = time.process_time()
        judged = judge_times(*sides)
        spent += time.process_time() - start
        found[judged.change] += 1
        covered += judged.low is not None and judged.high is not None and judged.low <= factor <= judged.high
    return Rates(found["slower"] / pairs, found["mix"] / pairs, covered / pairs, spent / pairs)


def draw_times(draw: Draw, runs: int, chance: random.Random, factor: float = 1.0) -> Counter[int]:
    """So many run times, by bin."""
    shift = SECOND + math.log(factor)
    return Counter(math.floor((shift + draw(chance)) / BIN) for _ in range(runs))


def measure_information(density: Callable[[float], float]) -> float:
    """Fisher's information of one run about a slowdown."""
    information, step = 0.0, 0.02
    for x in (step * n for n in range(-1000, 1000)):
        if here := density(x):
            slope = (density(x + step / 10) - density(x - step / 10)) / (step / 5)
            information += step * slope**2 / here
    return information


if __name__ == "__main__":
    main()
