"""What the log of runs tells of tasks becomes causes, with a sentence and a next step."""

from itertools import count

import pytest

from slowtask.watch.broker import Poll, Queue
from slowtask.watch.causes import find_all
from slowtask.watch.history import History
from slowtask.watch.recent import RecentRun
from slowtask.watch.settings import Targets, Thresholds
from slowtask.watch.view import Watch

NUMBERS = count()
BEGIN = 1_800_000_000.0  #: seconds since the epoch


class Quiet:
    """A broker with one queue, in which nothing happens."""

    system, name = "rq", "redis://queue"

    def __init__(self, **queue):
        self.now, self.queue = BEGIN, queue

    def poll(self, tails):
        queue = Queue(**({"name": "default", "depth": 0} | self.queue))
        return Poll(
            time=round(self.now * 1e6),
            name=self.name,
            system="rq",
            server="redis",
            queues=[queue],
            workers=[],
        )

    def running(self, queues):
        return []

    def waiting(self, queue, max_jobs):
        raise AssertionError(queue)

    def owners(self, max_keys):
        return []


class Night:
    """A broker, the log of its runs, and what is found at each poll."""

    def __init__(self, thresholds=None, **queue):
        self.thresholds = thresholds or Thresholds()
        self.broker, self.history = Quiet(**queue), History()
        self.watch = Watch(self.broker, self.thresholds, history=lambda: self.history)

    def run(self, number, gap=1.0, **others):
        """Let *number* runs end, one each *gap* seconds."""
        values = {"task": "jobs.price", "took": 0.1, "wait": 0.0, "queue": "default", "action": "finished"}
        for _ in range(number):
            self.broker.now += gap
            self.history.add([RecentRun(**(values | {"end": self.broker.now, "id": next(NUMBERS)} | others))])

    def find(self, name):
        """What is found of one cause."""
        found = find_all(self.watch.poll(), self.thresholds)
        return [each for each in found if each.name == name]


def varied(night, number, median, **others):
    for place in range(number):
        night.run(1, took=median * (0.8 + 0.4 * (place * 7 % 10) / 10), **others)


def test_a_task_that_is_slower_since_a_version_is_told_with_both_times_and_versions():
    night = Night()
    varied(night, 100, 0.1, version="1.9")
    night.find("task-slower")
    varied(night, 20, 0.3, version="2.0")

    [slower] = night.find("task-slower")

    assert slower.state == "warning"
    assert slower.message.startswith(
        "jobs.price takes 293 ms, 3 times the 97.6 ms it took before version 2.0"
    )
    assert "which began 19.2 s ago" in slower.message
    assert "Compare it with 1.9" in slower.todo
    assert (slower.task, slower.queue) == ("jobs.price", "default")


def test_a_task_that_fails_is_told_with_its_error():
    night = Night()
    night.run(100)
    night.find("task-failing")
    night.run(30, failed=True, error="requests.Timeout", action="failed")

    [failing] = night.find("task-failing")

    assert failing.state == "critical"
    assert failing.message.startswith("30 of the last 50 runs of jobs.price failed with requests.Timeout;")


def test_kills_are_told_with_signal_memory_and_host():
    night = Night()
    night.run(10)
    night.run(3, action="killed", reason="signal 9", memory=1.9e9, host="web-2", failed=True)

    [killed] = night.find("task-killed")

    assert killed.state == "critical"
    assert killed.message == (
        "jobs.price was killed 3 times in 5m 0s: signal 9, peak memory 1.9 GB, on host web-2."
    )


def test_one_kill_is_a_warning_and_names_are_made_printable():
    night = Night()
    night.run(1, action="killed", host="web\x1b[2J")

    [killed] = night.find("task-killed")

    assert killed.state == "warning"
    assert r"on host web\x1b[2J" in killed.message


def test_a_schedule_that_is_missed_is_told_with_its_period():
    night = Night()
    night.run(30, gap=2.0, task="jobs.tick")
    night.run(20, gap=1.0)

    [missed] = night.find("schedule-missed")

    assert missed.message == "jobs.tick came last 20.1 s ago, usually every 2.0 s."
    assert missed.todo == "Is rq cron, or what else enqueues it, running?"


def test_a_target_that_is_missed_is_told_with_how_many_missed_it():
    night = Night(Thresholds(targets=Targets(wait={"default": 60.0})))
    night.run(50, wait=10.0)
    night.run(20, wait=90.0)

    [target] = night.find("target-missed")

    assert target.state == "critical"
    assert target.message == (
        "default: 20 of 70 runs in the last 1h 0m waited longer than 1m 0s, your target for 99 % of them."
    )


@pytest.mark.parametrize("name", ["task-slower", "task-failing", "task-killed", "schedule-missed"])
def test_a_quiet_night_is_well(name):
    night = Night()
    for _ in range(30):
        night.run(10)

        assert night.find(name) == []


def test_tasks_of_another_queue_system_belong_to_another_broker():
    night = Night()
    night.run(3, action="killed", system="celery")

    assert night.find("task-killed") == []
