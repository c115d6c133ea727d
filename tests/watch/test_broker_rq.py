"""RQ's queues are read correctly and without a change, on a real Redis with jobs that RQ enqueued."""

import re
import subprocess
import sys
import uuid
from itertools import pairwise

import pytest
import rq
import trustme
from conftest import wait_until
from redis import Redis
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    NoPermissionError,
    OutOfMemoryError,
    ResponseError,
)
from redis.exceptions import TimeoutError as RedisTimeoutError

from places import DOCS
from slowtask.demo import tasks
from slowtask.demo.server import Server, free_port
from slowtask.demo.workers import Workers
from slowtask.errors import BrokerError, UsageError
from slowtask.watch.broker.flow import flows
from slowtask.watch.broker.redis import open_redis, redacted_url, translate_errors
from slowtask.watch.broker.rq import Rq
from slowtask.watch.broker.rq_values import job_id_of, task_of


@pytest.fixture
def broker(redis, redis_server):
    return Rq(redis, redis_server, seed=1)


def poll_broker(broker, before=None):
    tails = {each.name: each.tail for each in before.queues if each.tail} if before else {}
    return broker.poll(tails)


def find_queue(poll, name="default"):
    return next(each for each in poll.queues if each.name == name)


def test_a_redis_without_queues_shows_none(broker):
    poll = poll_broker(broker)

    assert (poll.queues, poll.workers) == ([], [])
    assert poll.memory.used > 0


def test_waiting_jobs_are_counted_and_the_first_has_an_age(broker, redis):
    other = rq.Queue("mail: urgent", connection=redis)
    for _ in range(3):
        other.enqueue(tasks.simple_task)

    queue = find_queue(poll_broker(broker), "mail: urgent")

    assert (queue.depth, queue.running, queue.workers) == (3, 0, 0)
    assert 0 <= queue.oldest < 60e9


def test_reading_changes_nothing(broker, redis):
    """Not even a job whose worker is long gone, which RQ's own registries would fail on the way."""
    default = rq.Queue(connection=redis)
    default.enqueue(tasks.simple_task)
    redis.zadd("rq:wip:default", {"lost:" + "0" * 32: 1})
    redis.config_resetstat()
    before = {key: redis.dump(key) for key in redis.keys("*")}

    poll_broker(broker)
    broker.waiting("default", 10)
    broker.running(["default"])

    assert {key: redis.dump(key) for key in redis.keys("*")} == before


def test_a_user_who_may_only_read_is_enough(redis, redis_server):
    rq.Queue(connection=redis).enqueue(tasks.simple_task)
    password = uuid.uuid4().hex
    page = (DOCS / "monitor.md").read_text()
    [line] = re.findall(r"^ACL SETUSER monitor .*~rq:.*$", page, re.MULTILINE)
    redis.execute_command(
        *line.replace("monitor", "slowtask", 1).replace(">password", f">{password}").split()
    )
    url = redis_server.replace("redis://", f"redis://slowtask:{password}@")
    with open_redis(url) as client:
        broker = Rq(client, url)

        assert find_queue(poll_broker(broker)).depth == 1
        assert broker.waiting("default", 10).tasks == {"slowtask.demo.tasks.simple_task": 1}
        assert broker.owners(300)[0].name == "queued jobs"
        assert broker.running(["default"]) == []
        with pytest.raises(NoPermissionError):
            client.delete("rq:queue:default")
        with pytest.raises(BrokerError, match="doesn't allow this user to read that"):
            Rq(client, url, prefix="another").poll({})
    redis.execute_command("ACL", "DELUSER", "slowtask")


def test_a_poll_takes_three_round_trips_for_a_hundred_queues(broker, redis):
    for number in range(100):
        rq.Queue(f"q{number}", connection=redis).enqueue(tasks.simple_task)
    before = redis.info("commandstats")

    poll = poll_broker(broker)

    calls = redis.info("commandstats")
    writes = {name for name in calls if name not in before}
    assert len(poll.queues) == 100
    assert poll.round_trips == 3
    assert not {"cmdstat_set", "cmdstat_del", "cmdstat_zrem", "cmdstat_hset"} & writes


def test_arrivals_are_counted_by_the_previous_poll_s_last_job(broker, redis):
    default = rq.Queue(connection=redis)
    for _ in range(5):
        default.enqueue(tasks.simple_task)
    first = poll_broker(broker)
    for _ in range(7):
        default.enqueue(tasks.simple_task)
    redis.lpop("rq:queue:default", 2)

    second = poll_broker(broker, first)

    flow = flows(first, second)["default"]
    assert (flow.arrivals, flow.departures) == (7, 2)
    assert flow.interval == (second.time - first.time) * 1000


def test_nothing_is_missed_while_workers_empty_the_queue_between_two_polls(
    broker, redis, redis_server, tmp_path
):
    default = rq.Queue(connection=redis)
    polls = [poll_broker(broker)]
    default.enqueue(tasks.simple_task)
    polls.append(poll_broker(broker, polls[-1]))
    with Workers(tmp_path, redis_server, 2):
        for count in (20, 1, 33):
            for _ in range(count):
                default.enqueue(tasks.simple_task)
            polls.append(poll_broker(broker, polls[-1]))
            wait_until(lambda: find_queue(poll_broker(broker)).depth == 0)
        wait_until(lambda: sum(each.finished for each in poll_broker(broker).workers) == 55)
        polls.append(poll_broker(broker, polls[-1]))

    counted = [flows(before, now).get("default") for before, now in pairwise(polls[1:])]

    assert sum(each.arrivals for each in counted) == 54
    assert sum(each.departures for each in counted) == 55


def test_the_backlog_is_counted_by_task_without_its_arguments(broker, redis):
    default = rq.Queue(connection=redis)
    for _ in range(3):
        default.enqueue(tasks.send_mail, "secret", 1)
    default.enqueue(tasks.compute, 5)

    waiting = broker.waiting("default", 100)

    assert waiting.tasks == {"slowtask.demo.tasks.send_mail": 3, "slowtask.demo.tasks.compute": 1}
    assert (waiting.depth, waiting.sampled) == (4, 4)


def test_a_long_queue_is_sampled(broker, redis):
    pipe = redis.pipeline()
    for number in range(20_000):
        pipe.rpush("rq:queue:default", number)
        pipe.hset(f"rq:job:{number}", "description", "jobs.a()" if number % 4 else "jobs.b()")
    pipe.execute()

    waiting = broker.waiting("default", 2401)

    assert (waiting.depth, waiting.sampled) == (20_000, 2401)
    assert waiting.tasks["jobs.b"] / waiting.sampled == pytest.approx(0.25, abs=0.03)


def test_a_running_job_has_its_task_and_start(broker, redis, redis_server, tmp_path):
    with Workers(tmp_path, redis_server, 1):
        rq.Queue(connection=redis).enqueue(tasks.send_mail, "a", 600)
        [job] = wait_until(lambda: broker.running(["default"]))

    assert job.task == "slowtask.demo.tasks.send_mail"
    assert job.timeout == 180
    assert job.started > 1_700_000_000_000_000


def test_the_use_of_the_memory_is_estimated_by_random_keys(broker, redis):
    pipe = redis.pipeline()
    for number in range(300):
        pipe.hset(f"rq:job:{number}", mapping={"status": "failed", "exc_info": "x" * 3000})
        pipe.hset(f"rq:job:q{number}", mapping={"status": "queued", "data": "x" * 700})
        pipe.set(f"cache:{number}", "x" * 300)
    pipe.execute()

    shares = {each.name: each.share for each in broker.owners(1000)}

    assert list(shares) == ["failed jobs", "queued jobs", "other programs"]
    assert shares["failed jobs"] == pytest.approx(0.7, abs=0.1)
    assert sum(shares.values()) == pytest.approx(1.0)


def test_an_empty_redis_is_owned_by_nobody(broker):
    assert broker.owners(10) == []


def test_a_key_prefix_is_honoured(redis, redis_server):
    program = "import rq, redis, sys; rq.Queue(connection=redis.from_url(sys.argv[1])).enqueue('jobs.a')"
    subprocess.run(
        [sys.executable, "-c", program, redis_server], check=True, env={"RQ_KEY_PREFIX": "shop:rq"}
    )

    assert find_queue(poll_broker(Rq(redis, redis_server, prefix="shop:rq"))).depth == 1
    assert poll_broker(Rq(redis, redis_server)).queues == []


def test_a_deleted_queue_is_left_out(broker, redis):
    default = rq.Queue(connection=redis)
    default.enqueue(tasks.simple_task)
    first = poll_broker(broker)
    default.delete(delete_jobs=True)

    assert poll_broker(broker, first).queues == []


def test_nothing_of_a_job_is_unpickled(broker, redis):
    redis.sadd("rq:queues", "rq:queue:default")
    redis.rpush("rq:queue:default", "evil")
    redis.hset("rq:job:evil", mapping={"data": b"cos\nsystem\n(S'exit 1'\ntR.", "description": "jobs.evil()"})

    assert broker.waiting("default", 10).tasks == {"jobs.evil": 1}


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("redis://127.0.0.1:1", r"can't be reached"),
        ("redis://nobody:wrong@{host}", r"rejects the user name or password"),
    ],
)
def test_a_redis_that_cannot_be_read_is_reported_without_its_password(redis_server, url, message):
    url = url.format(host=redis_server.partition("//")[2])
    with open_redis(url) as client, pytest.raises(BrokerError, match=message) as raised:
        Rq(client, url).poll({})

    assert "wrong" not in str(raised.value).replace("WRONGPASS", "")


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (BusyLoadingError("Redis is loading the dataset in memory"), "is still loading its data"),
        (ResponseError("NOAUTH Authentication required."), "requires a user name and password"),
        (
            AuthenticationError("WRONGPASS invalid username-password pair"),
            "rejects the user name or password",
        ),
        (ResponseError("MISCONF Redis is configured to save RDB snapshots"), "can't save its data"),
        (
            OutOfMemoryError("command not allowed when used memory > 'maxmemory'."),
            "is full and refuses commands",
        ),
        (ResponseError("CLUSTERDOWN The cluster is down"), "is a node of a cluster that is down"),
        (ResponseError("DB index is out of range"), "has no database of that number: a Redis has 16"),
        (RedisTimeoutError("Timeout reading from socket"), "can't be reached (Timeout reading"),
        (ResponseError("ERR something new"), "refuses a command (ERR something new)"),
    ],
)
def test_a_refusal_of_redis_is_reported_in_one_line(error, sentence):
    with pytest.raises(BrokerError) as raised, translate_errors("redis://queue"):
        raise error

    assert str(raised.value).startswith(f"redis://queue {sentence}")
    assert "\n" not in str(raised.value)


def test_a_database_that_redis_does_not_have_is_reported(redis_server):
    url = redis_server.replace("/0", "/99")
    with open_redis(url) as client, pytest.raises(BrokerError, match="has no database of that number"):
        Rq(client, url).poll({})


def test_a_producer_whose_clock_is_ahead_makes_no_age_below_zero(broker, redis):
    redis.sadd("rq:queues", "rq:queue:default")
    redis.rpush("rq:queue:default", "early")
    redis.hset("rq:job:early", "enqueued_at", "2099-01-01T00:00:00.000000Z")

    assert find_queue(poll_broker(broker)).oldest == 0


def test_a_job_without_a_time_has_no_age(broker, redis):
    redis.sadd("rq:queues", "rq:queue:default")
    redis.rpush("rq:queue:default", "odd")

    assert find_queue(poll_broker(broker)).oldest is None


@pytest.mark.server
def test_a_redis_behind_a_unix_socket_is_read(tmp_path):
    path = tmp_path / "redis.sock"
    with Server(tmp_path, unixsocket=str(path)) as server, server.client() as client:
        rq.Queue(connection=client).enqueue(tasks.simple_task)
        with open_redis(f"unix://{path}") as reader:
            assert find_queue(poll_broker(Rq(reader, f"unix://{path}"))).depth == 1


@pytest.mark.server
def test_a_redis_behind_tls_is_read_and_an_untrusted_one_is_reported(tmp_path):
    authority, port = trustme.CA(), free_port()
    certificate = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    certificate.private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    files = {"tls-cert-file": "server.pem", "tls-key-file": "server.pem", "tls-ca-cert-file": "ca.pem"}
    options = {name: str(tmp_path / file) for name, file in files.items()}
    url = f"rediss://127.0.0.1:{port}/0"
    with Server(tmp_path, **{"tls-port": str(port), "tls-auth-clients": "no"}, **options) as server:
        with server.client() as client:
            rq.Queue(connection=client).enqueue(tasks.simple_task)
        with open_redis(f"{url}?ssl_ca_certs={tmp_path / 'ca.pem'}") as client:
            assert find_queue(poll_broker(Rq(client, url))).depth == 1
        with open_redis(url) as client, pytest.raises(BrokerError, match="certificate verify failed"):
            Rq(client, url).poll({})


def test_an_invalid_address_is_refused():
    with pytest.raises(UsageError, match="isn't a valid address of a Redis"):
        open_redis("http://redis")


def test_a_password_is_never_shown():
    assert redacted_url("redis://user:secret@host:1/0") == "redis://user:***@host:1/0"


@pytest.mark.parametrize(
    ("member", "job"), [(b"a:" + b"0" * 32, "a"), (b"a", "a"), (b"a:b", "a:b"), (b"x:y:" + b"f" * 32, "x:y")]
)
def test_a_member_of_a_registry_names_a_job(member, job):
    assert job_id_of(member) == job


@pytest.mark.parametrize(
    ("description", "task"),
    [
        (b"jobs.a(1, b='(')", "jobs.a"),
        (b"Say hello", "Say hello"),
        (b"", ""),
        (b"\xff(", "\N{REPLACEMENT CHARACTER}"),
    ],
)
def test_a_task_is_what_stands_before_the_arguments(description, task):
    assert task_of(description) == task


def test_a_client_can_be_closed(redis_server):
    with Redis.from_url(redis_server) as client:
        assert client.ping()
