"""Advice is read in a thread, seldom, and only for queues in trouble."""

import logging
import subprocess
import sys
import threading

import pytest
from conftest import wait_until

from slowtask.errors import SourceError
from slowtask.watch.advice import MAX_AGE, READ_INTERVAL, Advice, Adviser
from slowtask.watch.broker import Queue
from slowtask.watch.pace import Pace
from slowtask.watch.view import is_crowded

MAIL = Advice(queue="mail", sentence="Add 1 worker to mail.", reliable=True, workers=1)


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


class Read:
    """A reading that can be held up, or fail."""

    def __init__(self, advice=MAIL, problem=None):
        self.count, self.problem, self.free = 0, problem, threading.Event()
        self._advice = {advice.queue: advice}
        self.free.set()

    def __call__(self):
        self.free.wait()
        self.count += 1
        if self.problem:
            raise SourceError(self.problem)
        return self._advice


@pytest.fixture
def clock():
    return Clock()


def test_a_caller_never_waits_for_the_replay(clock):
    read = Read()
    read.free.clear()
    adviser = Adviser(read, clock=clock)

    assert adviser("mail") is None

    read.free.set()
    wait_until(lambda: adviser("mail") == MAIL)


def test_a_sentence_is_said_only_if_it_names_a_change_that_helps(clock):
    doubtful = Advice(queue="mail", sentence="No advice.", reliable=False)
    for advice, sentence in ((MAIL, MAIL.sentence), (doubtful, None)):
        adviser = Adviser(Read(advice), clock=clock)
        wait_until(lambda adviser=adviser, advice=advice: adviser("mail") == advice)

        assert (adviser.say("mail"), adviser.say("other")) == (sentence, None)


def test_nothing_is_read_while_no_queue_is_in_trouble(clock):
    read = Read()
    Adviser(read, clock=clock)

    assert read.count == 0


def test_the_log_is_replayed_once_in_five_minutes_for_all_queues(clock):
    read = Read()
    adviser = Adviser(read, clock=clock)
    wait_until(lambda: adviser("mail") == MAIL)
    clock.now += READ_INTERVAL - 1

    assert (adviser("mail"), adviser("other"), read.count) == (MAIL, None, 1)

    clock.now += 1
    wait_until(lambda: adviser("mail") == MAIL and read.count == 2)


def test_a_replay_that_takes_longer_than_that_is_not_started_twice(clock):
    read = Read()
    read.free.clear()
    adviser = Adviser(read, clock=clock)
    adviser("mail")
    clock.now += READ_INTERVAL
    adviser("mail")
    clock.now -= 1
    read.free.set()
    wait_until(lambda: adviser("mail") == MAIL)

    assert read.count == 1


def test_advice_of_an_earlier_trouble_is_not_given(clock):
    read = Read()
    adviser = Adviser(read, clock=clock)
    wait_until(lambda: adviser("mail") == MAIL)
    read.free.clear()
    clock.now += MAX_AGE

    assert adviser("mail") is None

    read.free.set()


def test_a_log_that_cannot_be_replayed_is_reported_once(clock, caplog):
    caplog.set_level(logging.INFO)
    read = Read(problem="There is no slowtask.ndjson here.")
    adviser = Adviser(read, clock=clock)
    for count in (1, 2):
        adviser("mail")
        wait_until(lambda count=count: read.count == count and not adviser.is_reading)
        clock.now += READ_INTERVAL

    assert caplog.messages == ["no advice on workers: There is no slowtask.ndjson here."]
    assert adviser("mail") is None


@pytest.mark.parametrize(
    ("oldest", "pace", "asked"),
    [
        (20, Pace(saturated=5.0), True),
        (1, Pace(saturated=60.0, growing=True), True),
        (None, Pace(saturated=5.0), True),
        (1, Pace(saturated=5.0), False),
        (20, Pace(growing=True), False),
    ],
    ids=["jobs wait long", "it grows", "the wait is unknown", "jobs wait a moment", "workers are free"],
)
def test_advice_is_asked_for_where_jobs_wait_long_for_busy_workers(oldest, pace, asked):
    queue = Queue(name="mail", depth=9, oldest=None if oldest is None else oldest * 10**9)

    assert is_crowded(queue, pace) is asked


def test_the_monitor_does_not_load_duckdb_for_it():
    code = (
        "import sys, slowtask.cli.advice, slowtask.watch.advice; print({'duckdb', 'rich'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "set()\n"
