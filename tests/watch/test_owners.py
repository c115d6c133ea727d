"""Who holds the memory of a Redis: of which task results and failed jobs are, and whether they expire."""

import pytest
import rq
from celery import Celery
from celery.app.task import Context

from slowtask.demo import tasks
from slowtask.watch.broker.address import open_broker
from slowtask.watch.broker.celery_owners import task_of_result
from slowtask.watch.broker.rq import Rq
from slowtask.watch.view import Watch

MAIL, SIMPLE = "slowtask.demo.tasks.send_mail", "slowtask.demo.tasks.simple_task"


def find_owner(broker, name):
    return next(each for each in broker.owners(1000) if each.name == name)


def run_jobs(redis, function, *arguments, count=5, **options):
    """Let RQ run *count* jobs in this process."""
    queue = rq.Queue(connection=redis)
    for _ in range(count):
        queue.enqueue(function, *arguments, **options)
    rq.SimpleWorker([queue], connection=redis).work(burst=True)


@pytest.fixture
def of_rq(redis, redis_server):
    return Rq(redis, redis_server)


def test_results_that_never_expire_have_their_task(of_rq, redis):
    run_jobs(redis, tasks.send_mail, "a" * 2000, 0.0, result_ttl=-1, count=20)
    run_jobs(redis, tasks.simple_task)

    results, jobs = find_owner(of_rq, "results"), find_owner(of_rq, "finished jobs")

    assert (results.task, jobs.task) == (MAIL, MAIL)
    assert results.task_share > 0.5
    assert results.forever > 0.5
    assert jobs.forever > 0.5


def test_results_that_expire_are_not_kept(of_rq, redis):
    run_jobs(redis, tasks.simple_task)

    results = find_owner(of_rq, "results")

    assert (results.task, results.task_share, results.forever) == (SIMPLE, 1.0, 0.0)


def test_failed_jobs_are_kept_for_a_year(of_rq, redis):
    run_jobs(redis, tasks.send_mail, None, "no number")

    failed = find_owner(of_rq, "failed jobs")

    assert (failed.task, failed.forever) == (MAIL, 1.0)


def test_failed_jobs_with_a_limit_expire(of_rq, redis):
    run_jobs(redis, tasks.send_mail, None, "no number", failure_ttl=3600)

    assert find_owner(of_rq, "failed jobs").forever == 0.0


def test_the_id_of_a_job_of_an_older_rq_may_hold_colons(of_rq, redis):
    redis.hset("rq:job:shop:1:2", mapping={"status": "finished", "description": "shop.mail('a')"})
    redis.xadd("rq:results:shop:1:2", {"return_value": "x" * 1000})

    assert find_owner(of_rq, "results").task == "shop.mail"


def store_results(url, count=5, **settings):
    """Store results as Celery's workers do."""
    app = Celery("shop", broker=url, backend=url, set_as_current=False)
    app.conf.update(settings)
    for number in range(count):
        request = Context(task="shop.mail", args=["a"], kwargs={}, hostname="w1")
        app.backend.store_result(f"{number}", "x" * 1000, "SUCCESS", request=request)
    app.close()


def test_celery_s_results_have_a_task_with_extended_results(redis, redis_server):
    store_results(redis_server, result_extended=True)

    results = find_owner(open_broker(redis_server), "results")

    assert (results.task, results.task_share, results.forever) == ("shop.mail", 1.0, 0.0)


def test_the_task_of_celery_s_plain_results_is_unknown(redis, redis_server):
    store_results(redis_server)

    results = find_owner(open_broker(redis_server), "results")

    assert (results.task, results.task_share) == (None, None)


@pytest.mark.usefixtures("redis")
def test_celery_s_results_may_never_expire(redis_server):
    store_results(redis_server, result_expires=None)

    assert find_owner(open_broker(redis_server), "results").forever == 1.0


def test_only_so_many_bytes_of_results_are_read(redis, redis_server, monkeypatch):
    store_results(redis_server, result_extended=True)
    monkeypatch.setattr("slowtask.watch.broker.celery_owners.MAX_RESULT_BYTES", 0)
    before = redis.info("commandstats").get("cmdstat_get", {"calls": 0})["calls"]

    results = find_owner(open_broker(redis_server), "results")

    assert results.task is None
    assert redis.info("commandstats").get("cmdstat_get", {"calls": 0})["calls"] == before


@pytest.mark.parametrize("stored", [b"\x80\x04\x95", b"", b"[]", b'{"name": 5}', b'{"name": null}', b"\xff"])
def test_a_result_that_isnt_celery_s_json_has_no_task(stored):
    assert task_of_result(stored) is None


def test_keys_are_read_again_when_the_memory_has_grown(redis, of_rq):
    """What fills it isn't what was there a minute ago."""
    watch = Watch(of_rq)
    run_jobs(redis, tasks.simple_task)
    before = watch.poll().owners
    redis.set("cache", "x" * 3_000_000)

    after = watch.poll().owners

    assert "other programs" not in [each.name for each in before]
    assert after[0].name == "other programs"
