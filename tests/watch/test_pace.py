"""How a queue flows: what is seen over the last minutes, and what is made of it."""

import random

import pytest

from slowtask.watch.broker import Queue, Running, Worker
from slowtask.watch.broker.flow import Flow
from slowtask.watch.crew import Crew, Member
from slowtask.watch.pace import Track


def make_crew(busy, slots=2):
    worker = Worker(name="w", queues=("mail",), busy=busy, finished=0, slots=slots)
    jobs = [Running(id=str(n), queue="mail", task="jobs.mail", worker="w", started=n) for n in range(busy)]
    return Crew(members=[Member(worker=worker, condition="busy", jobs=jobs)], complete=True)


def measure(flows, interval=5.0, busy=2, depth=0):
    """The pace after *flows*: pairs of jobs that came and left, a poll each."""
    track = Track()
    for place, (arrivals, departures) in enumerate(flows, 1):
        depth += arrivals - departures
        flow = Flow(arrivals=arrivals, departures=departures, interval=round(interval * 1e9))
        track.add(place * interval, Queue(name="mail", depth=depth), flow, make_crew(busy))
    return track.measure()


def test_rates_are_jobs_a_second():
    pace = measure([(10, 5)] * 6)

    assert (pace.arrivals, pace.departures) == (2.0, 1.0)


def test_before_the_second_poll_nothing_is_known():
    track = Track()
    track.add(0.0, Queue(name="mail", depth=3), None, None)
    pace = track.measure()

    assert (pace.arrivals, pace.departures, pace.busy, pace.load) == (None, None, None, None)


def test_rates_are_taken_over_longer_where_few_jobs_leave():
    few = measure([(5, 5)] * 30 + [(0, 1)] * 4)
    many = measure([(500, 500)] * 30 + [(0, 100)] * 4)

    assert few.departures > 0.2
    assert many.departures == 20.0


def test_the_load_of_workers_that_are_not_all_busy_is_their_busy_share():
    assert measure([(10, 10)] * 6, busy=1).load == 0.5


def test_the_load_of_busy_workers_is_what_arrives_over_what_leaves():
    assert measure([(12, 10)] * 6).load == pytest.approx(1.2)


def test_where_nothing_leaves_there_is_no_load():
    assert measure([(12, 0)] * 6).load is None


def test_more_that_arrives_than_leaves_for_half_a_minute_is_growth():
    assert not measure([(60, 40)] * 3).growing
    assert measure([(60, 40)] * 6).growing


def test_a_queue_whose_workers_have_time_does_not_grow():
    assert not measure([(60, 40)] * 6, busy=0).growing


@pytest.mark.parametrize("seed", range(20))
def test_chance_is_no_growth(seed):
    chance = random.Random(seed)
    jobs = [(sum(chance.random() < 0.5 for _ in range(100)), 50) for _ in range(24)]

    assert not measure(jobs, depth=200).growing


def test_a_burst_that_drains_does_not_grow():
    """Seven hundred jobs at once, and seven a second leave."""
    assert not any(measure([(700, 35), *[(0, 35)] * n]).growing for n in range(19))


def test_a_burst_that_comes_over_some_seconds_does_not_grow():
    assert not any(measure([*[(350, 35)] * 2, *[(10, 35)] * n]).growing for n in range(19))


def test_seconds_without_a_departure_are_counted_while_jobs_wait():
    assert measure([(10, 5), (1, 0), (0, 0)]).still == 10.0
    assert measure([(5, 5), (0, 0), (0, 0)]).still == 0.0


def test_the_task_that_holds_the_workers_is_seen_without_a_log():
    assert measure([(1, 1)] * 3).held == {"jobs.mail": 1.0}


def test_polls_that_are_close_to_each_other_are_kept_as_one():
    track = Track()
    for place in range(1000):
        flow = Flow(arrivals=1, departures=1, interval=100_000_000)
        track.add(place / 10, Queue(name="mail", depth=1), flow, make_crew(2))

    assert len(track.periods) == 120
    assert track.measure().arrivals == pytest.approx(10.0)
