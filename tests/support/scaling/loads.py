"""Jobs that arrive in a queue: at a steady pace, in a ramp, over a day, in a burst."""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

WARM_UP = 900.0  #: seconds before the measurement begins, in which the monitor learns


class Job(NamedTuple):
    """One job."""

    arrival: float  #: seconds since the simulation began
    task: str
    took: float  #: seconds


@dataclass(frozen=True, kw_only=True)
class Load:
    """A load: how many jobs arrive at each time, and how long they take."""

    name: str
    rate: Callable[[float], float]  #: jobs a second, at seconds since the measurement began
    mean: float  #: seconds that a job takes
    draw: Callable[[random.Random], tuple[str, float]]  #: the task of a job, and how long it takes
    seconds: float = 3600.0
    target: float = 60.0  #: seconds that 95 of 100 jobs may wait at most
    warm_up: float = WARM_UP  #: seconds

    def jobs(self, seed: int) -> list[Job]:
        """All jobs: arrivals are a Poisson process whose rate follows `rate`."""
        chance, found, now = random.Random(seed), [], -self.warm_up
        most = max(self.rate(second) for second in range(0, int(self.seconds), 5))
        while (now := now + chance.expovariate(most)) < self.seconds:
            if chance.random() * most < self.rate(max(0.0, now)):
                found.append(Job(now + self.warm_up, *self.draw(chance)))
        return found

    def offered(self, now: float) -> float:
        """How many workers the jobs that arrive at *now* keep busy."""
        return self.rate(max(0.0, now - self.warm_up)) * self.mean


def exponential(mean: float) -> Callable[[random.Random], tuple[str, float]]:
    """Jobs of one task, as variable as a Poisson process."""
    return lambda chance: ("send_mail", chance.expovariate(1 / mean))


def mixed(chance: random.Random) -> tuple[str, float]:
    """Of 100 jobs 95 take half a second, and 5 half a minute on average: some of these take minutes."""
    if chance.random() < 0.95:
        return "thumbnail", chance.uniform(0.25, 0.75)
    return "export", chance.lognormvariate(math.log(30.0) - 0.5, 1.0)


def ramp(low: float, begin: float, seconds: float) -> Callable[[float], float]:
    """A rate that doubles within *seconds*, from *begin* on."""
    return lambda now: low * (1 + min(1.0, max(0.0, (now - begin) / seconds)))


def sine(mean: float, share: float, period: float) -> Callable[[float], float]:
    """A rate that swings by *share* around its mean."""
    return lambda now: mean * (1 - share * math.cos(2 * math.pi * now / period))


def burst(low: float, begin: float, seconds: float, factor: float) -> Callable[[float], float]:
    """A rate that is *factor* times as high for some *seconds*."""
    return lambda now: low * (factor if begin <= now < begin + seconds else 1.0)


def batches(every: float, seconds: float, low: float, high: float) -> Callable[[float], float]:
    """A rate that is *high* for some *seconds* of *every* so many, else *low*."""
    return lambda now: high if now % every < seconds else low


def steady(rate: float) -> Callable[[float], float]:
    """The same rate at all times."""
    return lambda _now: rate


LOADS = {
    load.name: load
    for load in (
        Load(name="steady, 1 busy", rate=steady(0.5), mean=2.0, draw=exponential(2.0)),
        Load(name="steady, 5 busy", rate=steady(2.5), mean=2.0, draw=exponential(2.0)),
        Load(name="steady, 40 busy", rate=steady(20.0), mean=2.0, draw=exponential(2.0)),
        Load(name="steady, runs of 1 min", rate=steady(1 / 6), mean=60.0, draw=exponential(60.0)),
        Load(name="doubles in 10 min", rate=ramp(4.0, 900, 600), mean=2.0, draw=exponential(2.0)),
        Load(name="a day", rate=sine(1.5, 0.8, 86400), mean=4.0, draw=exponential(4.0), seconds=86400.0),
        Load(name="burst of 10x, 5 min", rate=burst(1.0, 1200, 300, 10), mean=2.0, draw=exponential(2.0)),
        Load(name="batches", rate=batches(300.0, 10.0, 0.5, 30.0), mean=0.5, draw=exponential(0.5)),
        Load(name="one batch", rate=burst(0.5, 1800.0, 10.0, 600.0), mean=1.0, draw=exponential(1.0)),
        Load(name="short target", rate=steady(5.0), mean=1.0, draw=exponential(1.0), target=10.0),
        Load(name="short and long", rate=steady(4.0), mean=0.95 * 0.5 + 0.05 * 30, draw=mixed),
    )
}
