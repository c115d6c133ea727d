"""Runs a load with an autoscaler and real workers' stand-ins, and finds the ideal number of workers."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scaling.autoscalers import SYNC, Hpa
from scaling.broker import SimulatedBroker
from scaling.cluster import QUEUE, Cluster
from scaling.loads import Job, Load
from slowtask.watch.history import History
from slowtask.watch.settings import Targets, Thresholds
from slowtask.watch.view import Watch

SHARE = 0.95  #: of the jobs that shall begin in time
MINUTE = 60.0
MOST_SQUARE_ROOTS = 10.0


@dataclass(frozen=True, kw_only=True)
class Times:
    """How long things take, in seconds."""

    poll: int = 5  #: between two polls of the monitor
    sync: int = SYNC  #: between two decisions of the autoscaler
    start: float = 20.0  #: until a pod takes jobs


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What an autoscaler may look at."""

    needed: int | None  #: by the monitor
    waiting: int  #: jobs
    busy: float  #: share of the workers that run a job, 0 to 1
    workers: int


TIMES = Times()
#: Returns what the autoscaler counts, and how much of it is for each pod.
Count = Callable[[Seen], tuple[float | None, float]]


def count_needed(seen: Seen) -> tuple[float | None, float]:
    """`slowtask_workers_needed`."""
    return seen.needed, 1.0


def count_waiting(each: float) -> Count:
    """The queue's length, *each* so many jobs a pod: KEDA's redis scaler has 5 by default."""
    return lambda seen: (seen.waiting, each)


def count_cpu(share: float, target: float = 0.8) -> Count:
    """The CPU, of jobs that use it for a *share* of their run time."""
    return lambda seen: (seen.busy * share * seen.workers, target)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of a load, after the warm-up."""

    p95: float  #: seconds that 95 of 100 jobs waited at most
    hours: float  #: worker-hours
    late: float  #: share of the jobs that waited too long


def run(load: Load, jobs: Sequence[Job], count: Count, hpa: Hpa, times: Times = TIMES) -> Outcome:
    """Run *jobs* on workers whose number *hpa* decides by what *count* returns."""
    cluster, history = Cluster(jobs=jobs, start_time=times.start), History()
    thresholds = Thresholds(targets=Targets(wait={QUEUE: load.target}, share=SHARE))
    broker = SimulatedBroker(cluster)
    watch = Watch(broker, thresholds, history.typical, history.mix, lambda: history)
    cluster.scale(math.ceil(load.offered(0.0)) + 1)
    for now in range(times.poll, int(load.warm_up + load.seconds) + 1, times.poll):
        cluster.advance(now)
        history.add(cluster.take_runs())
        view = watch.poll().queues[0]
        if now % times.sync == 0:
            workers = cluster.serving
            seen = Seen(
                needed=view.needed, waiting=view.queue.depth, busy=cluster.busy_share, workers=workers
            )
            cluster.scale(hpa.decide(now, workers, *count(seen)))
    return measure(load, cluster)


def find_ideal(load: Load, jobs: Sequence[Job]) -> Outcome:
    """The fewest worker-hours with which *jobs* begin in time, if one knew how many arrive in each minute.

    In each minute there are as many workers as the jobs of that time keep busy on average, and a number of
    square roots of it more or less. That number is the smallest for which 95 of 100 jobs wait no longer than
    the target. These workers start at once.
    """
    for step in range(-8, int(MOST_SQUARE_ROOTS * 4)):
        outcome = staff(load, jobs, step / 4)
        if outcome.p95 <= load.target:
            return outcome
    raise AssertionError(f"{load.name}: not even with {MOST_SQUARE_ROOTS} square roots more")


def staff(load: Load, jobs: Sequence[Job], square_roots: float) -> Outcome:
    """Run *jobs* on the workers that their average needs, and so many *square_roots* of it more."""
    cluster = Cluster(jobs=jobs, start_time=0.0)
    for now in range(0, int(load.warm_up + load.seconds), int(MINUTE)):
        offered = max(load.offered(now), load.offered(now + MINUTE - 1))
        cluster.scale(max(1, math.ceil(offered + square_roots * math.sqrt(offered) - 1e-9)))
        cluster.advance(now + MINUTE)
        cluster.take_runs()
    return measure(load, cluster)


def measure(load: Load, cluster: Cluster) -> Outcome:
    """The waits of all jobs after the warm-up, and the worker-hours until the last of them arrived."""
    hours = cluster.worker_seconds(load.warm_up, load.warm_up + load.seconds) / 3600
    cluster.finish()
    waits = [
        wait for wait, job in zip(cluster.waits, cluster.jobs, strict=True) if job.arrival >= load.warm_up
    ]
    return measure_waits(load, waits, hours)


def measure_waits(load: Load, waits: Sequence[float], hours: float) -> Outcome:
    """The outcome of these *waits* and worker-hours."""
    ordered = sorted(waits)
    late = sum(wait > load.target for wait in waits) / len(waits)
    return Outcome(p95=ordered[math.ceil(SHARE * len(waits)) - 1], hours=hours, late=late)
