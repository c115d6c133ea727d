"""The producer of demonstration jobs: steady, bounded, and not to be put off by a Redis that restarts."""

import os
import signal
import subprocess
import sys
from itertools import islice

import pytest
from conftest import PATIENCE, wait_until
from redis.exceptions import RedisError

from slowtask.demo import demo, tasks
from slowtask.demo.producer import HEARTBEAT_KEY, Pace, offer
from slowtask.demo.server import Server
from slowtask.errors import UsageError

QUEUE = "rq:queue:slowtask-demo"


@pytest.fixture
def producer(tmp_path):
    """Starts producers, and ends them."""
    started = []

    def start(url, **environment):
        with (tmp_path / "said").open("ab") as said:
            process = subprocess.Popen(
                [sys.executable, "-m", "slowtask.demo.producer"],
                env=os.environ | {"RQ_REDIS_URL": url, "SLOWTASK_DEMO_RATE": "200"} | environment,
                stdout=said,
                stderr=said,
            )
        started.append(process)
        return process

    yield start
    for each in started:
        each.kill()
        each.wait()


def test_the_mix_is_that_of_the_demonstration():
    kinds = [task for task, _ in islice(demo.mix(), 1000)]

    assert 350 < kinds.count(tasks.send_mail) < 450
    assert 250 < kinds.count(tasks.compute) < 350
    assert 250 < kinds.count(tasks.simple_task) < 350


@pytest.mark.redis
def test_a_queue_is_kept_busy(producer, redis_server, redis):
    producer(redis_server)

    assert wait_until(lambda: redis.llen(QUEUE) > 20)
    assert redis.ttl(HEARTBEAT_KEY) > 0


@pytest.mark.redis
def test_a_queue_that_is_long_enough_gets_no_more(redis):
    jobs = demo.mix()
    taken = [offer(redis, next(jobs), depth=3) for _ in range(5)]

    assert taken == [True, True, True, False, False]
    assert redis.llen(QUEUE) == 3


@pytest.mark.redis
def test_it_goes_on_when_redis_is_back(producer, tmp_path):
    with Server(tmp_path) as server:
        running = producer(server.url)
        with server.client() as client:
            wait_until(lambda: client.llen(QUEUE) > 5)
    wait_until(lambda: "going on when the broker is back" in (tmp_path / "said").read_text())
    back = Server(tmp_path)
    back.port = server.port
    with back, back.client() as client:
        assert wait_until(lambda: client.llen(QUEUE) > 5)
        assert running.poll() is None


@pytest.mark.redis
def test_sigterm_ends_it_at_once_and_well(producer, redis_server, redis):
    running = producer(redis_server)
    wait_until(lambda: redis.exists(HEARTBEAT_KEY))
    running.send_signal(signal.SIGTERM)

    assert running.wait(PATIENCE) == 0


@pytest.mark.redis
def test_a_full_redis_is_waited_for_too(redis):
    redis.config_set("maxmemory", "1")

    with pytest.raises(RedisError):
        offer(redis, next(demo.mix()), depth=3)


def test_a_pace_that_makes_no_sense_is_told_in_one_line(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "slowtask.demo.producer"],
        env=os.environ | {"SLOWTASK_DEMO_RATE": "fast"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert done.stderr.startswith("slowtask: SLOWTASK_DEMO_RATE and SLOWTASK_DEMO_DEPTH must be numbers")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "given", [{"RATE": "0"}, {"RATE": "-1"}, {"RATE": "nan"}, {"DEPTH": "0"}, {"DEPTH": "1.5"}]
)
def test_no_pace_without_sense(given):
    with pytest.raises(UsageError):
        Pace.of({f"SLOWTASK_DEMO_{name}": value for name, value in given.items()})


def test_the_pace_of_a_clean_environment_is_two_jobs_a_second():
    assert Pace.of({}) == Pace(rate=2.0, depth=200)


@pytest.mark.redis
@pytest.mark.parametrize("who", ["worker", "producer"])
def test_the_containers_check_finds_that_nobody_is_at_work(who, redis_server, redis, healthy):
    assert healthy(who, redis_server) == 1


@pytest.mark.redis
def test_the_containers_check_finds_the_producer_at_work(producer, redis_server, redis, healthy):
    producer(redis_server)
    wait_until(lambda: redis.exists(HEARTBEAT_KEY))

    assert healthy("producer", redis_server) == 0


@pytest.mark.redis
def test_the_containers_check_finds_the_pools_workers_and_that_both_classes_are_ours(
    redis_server, redis, healthy, tmp_path
):
    """`rq worker-pool` takes both options: a killed job leaves a record only with `TimedWorker`."""
    log = tmp_path / "slowtask.ndjson"
    with (tmp_path / "pool").open("wb") as said:
        pool = subprocess.Popen(
            [sys.executable, "-m", "rq.cli", *POOL],
            env=os.environ | {"RQ_REDIS_URL": redis_server, "SLOWTASK_LOG": str(log)},
            stdout=said,
            stderr=said,
        )
    try:
        wait_until(lambda: redis.scard("rq:workers"))
        assert healthy("worker", redis_server) == 0
        queue = demo_queue(redis)
        queue.enqueue(os.abort)
        wait_until(lambda: log.exists() and '"event.action":"killed"' in log.read_text())
    finally:
        pool.terminate()
        pool.wait()


POOL = [
    "worker-pool", "--num-workers", "1", "--job-class", "slowtask.rq.TimedJob",
    "--worker-class", "slowtask.rq.TimedWorker", "slowtask-demo",
]  # fmt: skip


def demo_queue(redis):
    from rq import Queue

    return Queue("slowtask-demo", connection=redis)


@pytest.fixture
def healthy(request):
    """The status of the container's check."""

    def check(who, url):
        script = request.config.rootpath / "docker" / "healthy.py"
        done = subprocess.run(
            [sys.executable, script, who],
            env=os.environ | {"RQ_REDIS_URL": url},
            check=False,
            timeout=PATIENCE,
        )
        return done.returncode

    return check
