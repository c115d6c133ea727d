"""An autoscaler that has the monitor's number of workers holds the wait target, and nearly without waste.

The polls, what they are judged by and the number are the monitor's own. Workers, jobs and time are simulated.
`bench/bench_scaling.py` has more loads, seeds and autoscalers.
"""

from functools import cache
from statistics import fmean

import pytest

from scaling.autoscalers import Hpa
from scaling.loads import LOADS
from scaling.trial import count_needed, count_waiting, find_ideal, run

SEEDS = (1, 2)
WINDOW = 60.0  #: seconds: scaleDown.stabilizationWindowSeconds in docs/scaling.md
STEADY = ("steady, 1 busy", "steady, 5 busy", "steady, runs of 1 min", "short target", "short and long")

pytestmark = pytest.mark.slow


@cache
def made(name, seed):
    """The jobs of a load, and the ideal."""
    jobs = LOADS[name].jobs(seed)
    return jobs, find_ideal(LOADS[name], jobs)


def compare(name, count, seeds=SEEDS):
    """The highest p95 wait by the target, and the worker-hours by the ideal's on average."""
    load, waits, hours = LOADS[name], [], []
    for seed in seeds:
        jobs, ideal = made(name, seed)
        outcome = run(load, jobs, count, Hpa(stabilization=WINDOW))
        waits.append(outcome.p95 / load.target)
        hours.append(outcome.hours / ideal.hours)
    return max(waits), fmean(hours)


@pytest.mark.parametrize("name", [*STEADY, "doubles in 10 min", "batches"])
def test_jobs_begin_in_time_with_a_fifth_more_than_the_ideal_worker_hours_at_most(name):
    wait, hours = compare(name, count_needed)

    assert wait <= 1.0
    assert hours <= 1.2


def test_a_burst_of_ten_times_as_many_jobs_is_met_in_time_once_it_is_seen():
    """No scaler could be as cheap as one that knows of the burst: workers start late, and end late."""
    wait, hours = compare("burst of 10x, 5 min", count_needed)

    assert wait <= 1.0
    assert hours <= 1.5


def test_no_length_of_a_queue_fits_both_short_and_long_runs():
    """Five jobs a worker, KEDA's default: too many workers for runs of 2 s, too few for runs of a minute."""
    assert compare("steady, 5 busy", count_waiting(5.0), SEEDS[:1])[1] > 1.5
    assert compare("steady, runs of 1 min", count_waiting(5.0), SEEDS[:1])[0] > 2.0
