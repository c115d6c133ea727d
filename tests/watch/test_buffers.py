"""What clients' buffers need of a Redis' memory: they come and go between two polls."""

import pytest

from slowtask.watch import judge
from slowtask.watch.broker import Memory
from slowtask.watch.broker.redis import parse_memory
from slowtask.watch.broker.rq import Rq
from slowtask.watch.buffers import BufferNeeds
from slowtask.watch.judge import Capacity
from slowtask.watch.view import Watch

MB = 1_000_000


def memory(used, peak=None, buffers=0):
    return Memory(used=used * MB, limit=100 * MB, peak=peak and peak * MB, buffers=buffers * MB)


def limits(*polls, remembered=10):
    """The memory limit at each of *polls*."""
    needs = BufferNeeds(remembered)
    return [judge.memory_limit(poll, needs.add(poll)) for poll in polls]


def ratios(*polls, remembered=10):
    return [limit.ratio for limit in limits(*polls, remembered=remembered)]


def test_a_peak_between_two_polls_counts():
    assert ratios(memory(80, peak=85), memory(80, peak=97)) == [0.8, 0.97]


@pytest.mark.parametrize("peak", [97, 90, None])  # as before; of a server that restarted; unknown
def test_a_peak_that_has_not_risen_is_of_another_time(peak):
    assert ratios(memory(80, peak=97), memory(80, peak=peak)) == [0.8, 0.8]


def test_what_buffers_took_they_may_take_again_on_top_of_what_has_been_added():
    assert ratios(memory(80, buffers=15), memory(70, buffers=1), memory(75, buffers=2)) == [0.8, 0.84, 0.88]


def test_what_buffers_took_long_ago_is_forgotten():
    found = ratios(memory(80, buffers=15), memory(70, buffers=1), memory(70, buffers=1), remembered=2)

    assert found == [0.8, 0.84, 0.7]


def test_a_forecast_follows_the_data_up_to_what_buffers_leave():
    *_, limit = limits(memory(80, buffers=15), memory(70, buffers=1))

    assert limit.level == (69 * MB, 85 * MB)


def test_only_what_is_used_now_makes_a_redis_full():
    *_, limit = limits(memory(90, buffers=40), memory(70, buffers=1))

    assert limit.ratio > 1.0
    assert not Capacity(limit=limit).full


def test_the_message_says_that_the_figure_is_of_large_buffers():
    small, large = limits(memory(80, buffers=15), memory(70, buffers=1))

    assert small.describe("redis://queue") == "redis://queue is 80 % full (80 MB of 100 MB)"
    assert large.describe("redis://queue") == (
        "redis://queue is 84 % full (84 MB of 100 MB while its clients' buffers are largest)"
    )


def test_the_peak_of_a_redis_with_replicas_says_nothing_of_its_limit():
    info = {"used_memory": 80, "used_memory_peak": 99, "mem_clients_normal": 7, "mem_clients_slaves": 9}

    assert (parse_memory(info).peak, parse_memory(info).buffers) == (None, 7)
    assert parse_memory(info | {"mem_clients_slaves": 0}).peak == 99


@pytest.mark.redis
def test_a_redis_that_was_nearly_full_between_two_polls_is_seen_as_that(redis, redis_server):
    watch = Watch(Rq(redis, redis_server), max_keys=0)
    peak = redis.info("memory")["used_memory_peak"]
    redis.config_set("maxmemory", 10 * peak)
    watch.poll()
    redis.set("large", bytes(3 * peak))
    redis.delete("large")

    limit = watch.poll().capacity.limit

    assert limit.ratio > limit.ratio_now + 0.2
