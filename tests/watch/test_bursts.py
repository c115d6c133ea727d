"""A day of bursts that drain wakes nobody; a queue that really grows is told soon."""

import random

import pytest

from slowtask.watch.broker import Memory, Poll, Queue, Running, Waiting, Worker
from slowtask.watch.causes import find_all
from slowtask.watch.settings import Thresholds
from slowtask.watch.view import Watch

START = 1_700_000_000.0
INTERVAL = 5.0  #: seconds between two polls
STEP = 0.1  #: seconds of the simulation
WORKERS = 4
RUN_TIME = 0.4  #: seconds, so ten jobs a second leave at most


class SimulatedBroker:
    """A queue of RQ with four workers, whose time is passed by `run`."""

    system = "rq"
    name = "redis://queue"

    def __init__(self, seed):
        self.chance = random.Random(seed)
        self.now = START
        self.queued = []  #: when each job came
        self.ends = [0.0] * WORKERS
        self.finished = 0
        self.came = 0
        self.arrived = 0.0

    def run(self, seconds, rate):
        """Pass *seconds*, in which *rate* jobs a second come by chance."""
        end = self.now + seconds
        while self.now < end:
            self.now += STEP
            self.send(int(self.chance.random() < rate * STEP % 1) + int(rate * STEP))
            for worker, ends in enumerate(self.ends):
                if ends <= self.now and self.queued:
                    self.queued.pop(0)
                    self.finished += 1
                    self.ends[worker] = self.now + self.chance.expovariate(1 / RUN_TIME)

    def send(self, count):
        """Let *count* jobs come at once."""
        self.queued += [self.now] * count
        self.came += count

    def poll(self, _tails):
        busy = sum(ends > self.now for ends in self.ends)
        queue = Queue(
            name="mail",
            depth=len(self.queued),
            running=busy,
            totals=(self.came, self.finished),
            oldest=round((self.now - self.queued[0]) * 1e9) if self.queued else None,
        )
        workers = [
            Worker(name=f"w{n}", queues=("mail",), busy=int(ends > self.now), finished=self.finished)
            for n, ends in enumerate(self.ends)
        ]
        memory = Memory(used=1_000_000, limit=100_000_000, policy="noeviction")
        time = round(self.now * 1e6)
        return Poll(time=time, system="rq", name=self.name, queues=[queue], workers=workers, memory=memory)

    def waiting(self, queue, _max_jobs):
        depth = len(self.queued)
        return Waiting(queue=queue, depth=depth, sampled=depth, tasks={"jobs.mail": depth})

    def running(self, _queues):
        return [
            Running(id=f"{n}", queue="mail", task="jobs.mail", worker=f"w{n}", started=round(self.now * 1e6))
            for n, ends in enumerate(self.ends)
            if ends > self.now
        ]

    def owners(self, _max_keys):
        return []


def watch(broker):
    """A watch of *broker*."""
    return Watch(broker, max_keys=0)


def alarms(watched):
    """What the next poll tells that isn't well."""
    return [each for each in find_all(watched.poll(), Thresholds()) if each.state in ("warning", "critical")]


def bursts_of_a_day(chance):
    """For each poll of a day the rate of what comes, and what comes at once."""
    polls = []
    while len(polls) < 24 * 3600 / INTERVAL:
        pause = chance.randint(60, 240)
        polls += [(chance.uniform(3.0, 6.5), 0)] * pause
        kind, size = chance.choice(("once", "seconds")), chance.randint(50, 700)
        if kind == "once":
            polls.append((5.0, size))
        else:
            polls += [(5.0, size // 3)] * 3
    return polls


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_a_day_of_bursts_that_drain_wakes_nobody(seed):
    broker, chance = SimulatedBroker(seed), random.Random(seed)
    watched, told = watch(broker), []

    for rate, at_once in bursts_of_a_day(chance):
        broker.send(at_once)
        broker.run(INTERVAL, rate)
        told += [(round(broker.now - START), each.message) for each in alarms(watched)]

    assert told == []


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("rate", "seconds"), [(15.0, 30.0), (20.0, 30.0), (12.0, 120.0)])
def test_a_queue_that_grows_is_told_soon(seed, rate, seconds):
    broker = SimulatedBroker(seed)
    watched = watch(broker)
    for _ in range(60):
        broker.run(INTERVAL, 6.0)
        assert alarms(watched) == []
    began = broker.now

    while not (told := alarms(watched)):
        broker.run(INTERVAL, rate)

    assert told[0].name == "queue-load"
    assert broker.now - began <= seconds
