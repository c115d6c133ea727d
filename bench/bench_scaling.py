"""How long jobs wait and what their workers cost, by what an autoscaler counts. Simulated, in virtual time.

    .venv/bin/python bench/bench_scaling.py
    .venv/bin/python bench/bench_scaling.py --seeds 1 --loads "steady, 5 busy"   # to see that it works

The polls are the monitor's own, of a simulated broker every 5 s. A HorizontalPodAutoscaler decides every 15
seconds, with a tolerance of 10 %; a pod takes jobs 20 s after it was added, and ends after its present job.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

sys.path.append(str(Path(__file__).parent.parent / "tests" / "support"))

from scaling.autoscalers import Hpa
from scaling.loads import LOADS, Job, Load
from scaling.trial import (
    Count,
    Outcome,
    count_cpu,
    count_needed,
    count_waiting,
    find_ideal,
    run,
)

LENGTHS = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)  # jobs a pod


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One load with one seed."""

    load: Load
    jobs: Sequence[Job]
    ideal: Outcome

    def run(self, count: Count, window: float = 60.0) -> Outcome:
        """What comes of it if an autoscaler counts this."""
        return run(self.load, self.jobs, count, Hpa(stabilization=window))


def find_best_length(trial: Trial) -> Outcome:
    """The cheapest length a pod that holds the target, found by trying; else the one with the least wait."""
    outcomes = [trial.run(count_waiting(each)) for each in LENGTHS]
    held = [each for each in outcomes if each.p95 <= trial.load.target]
    return min(held, key=lambda each: each.hours) if held else min(outcomes, key=lambda each: each.p95)


AUTOSCALERS: dict[str, Callable[[Trial], Outcome]] = {
    "the ideal": lambda trial: trial.ideal,
    "workers needed": lambda trial: trial.run(count_needed),
    "… scale down after 300 s": lambda trial: trial.run(count_needed, 300.0),
    "length, 5 a pod": lambda trial: trial.run(count_waiting(5.0)),
    "… 20 a pod": lambda trial: trial.run(count_waiting(20.0)),
    "… the best of 7, by load": find_best_length,
    "CPU, of jobs that use it": lambda trial: trial.run(count_cpu(1.0)),
    "… that mostly wait (30 %)": lambda trial: trial.run(count_cpu(0.3)),
}


def main() -> None:
    """Print a table of each load."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=5, help="how often each load is run")
    parser.add_argument("--loads", nargs="*", default=list(LOADS), choices=list(LOADS), metavar="LOAD")
    options = parser.parse_args()
    print(f"| p95 wait (s, worst) · worker-hours by the ideal's | {' | '.join(AUTOSCALERS)} |", flush=True)
    print("| --- " * (len(AUTOSCALERS) + 1) + "|")
    for name in options.loads:
        print(f"| {describe(LOADS[name])} | {' | '.join(measure(LOADS[name], options.seeds))} |", flush=True)


def describe(load: Load) -> str:
    """The load and its target."""
    return f"{load.name}; {load.target:.0f} s"


def measure(load: Load, seeds: int) -> list[str]:
    """One cell for each autoscaler."""
    trials = []
    for seed in range(1, seeds + 1):
        jobs = load.jobs(seed)
        trials.append(Trial(load=load, jobs=jobs, ideal=find_ideal(load, jobs)))
    return [cell(trials, [scale(trial) for trial in trials]) for scale in AUTOSCALERS.values()]


def cell(trials: Sequence[Trial], outcomes: Sequence[Outcome]) -> str:
    """The worst p95 wait, and the worker-hours by the ideal's on average; bold if the target was missed."""
    worst = max(outcome.p95 for outcome in outcomes)
    hours = fmean(outcome.hours / trial.ideal.hours for trial, outcome in zip(trials, outcomes, strict=True))
    text = f"{worst:,.0f} · {hours:.2f}"
    return text if worst <= trials[0].load.target else f"**{text}**"


if __name__ == "__main__":
    main()
