"""Each cause in the server of the queues is found on a real Redis that has it, and says what to do."""

from dataclasses import replace

import pytest
import rq
from conftest import wait_until

from celery_site import publish
from slowtask.demo import tasks
from slowtask.demo.server import Server, free_port
from slowtask.watch.broker import Memory, Owner, Poll, Queue
from slowtask.watch.broker.address import open_broker
from slowtask.watch.broker.facts import ServerFacts
from slowtask.watch.broker.redis import open_redis
from slowtask.watch.broker.rq import Rq
from slowtask.watch.broker.track import Changes, SlowAnswer
from slowtask.watch.causes import find_all
from slowtask.watch.settings import Thresholds
from slowtask.watch.summary import judge_view
from slowtask.watch.view import Watch

needs_redis = pytest.mark.redis
CAUSES = (
    "broker-writes-refused", "broker-replica", "broker-emptied", "broker-evicts", "broker-slow",
    "results-kept",
)  # fmt: skip


@pytest.fixture
def server(tmp_path):
    """A Redis that one test may break."""
    (tmp_path / "data").mkdir()
    with Server(tmp_path, dir=str(tmp_path / "data")) as server:
        yield server


@pytest.fixture
def client(server):
    with server.client() as client:
        yield client


@pytest.fixture
def watch(server):
    return Watch(Rq(open_redis(server.url), server.url))


@pytest.fixture
def failed_snapshot(client, tmp_path):
    """The server can't save its data: its folder is gone."""
    client.config_set("save", "3600 1")
    (tmp_path / "data").rmdir()
    client.bgsave()
    wait_until(lambda: client.info("persistence")["rdb_last_bgsave_status"] == "err")
    yield
    client.config_set("save", "")  # else it wouldn't end


def find(view, name):
    """The finding of the cause called *name*."""
    [found] = [each for each in find_all(view, Thresholds()) if each.name == name]
    return found


def enqueue(client, count=3, queue="mail"):
    for _ in range(count):
        rq.Queue(queue, connection=client).enqueue(tasks.simple_task)


@needs_redis
@pytest.mark.parametrize("system", ["rq", "celery"])
def test_a_server_that_is_well_has_none_of_the_causes(server, client, watch, system):
    enqueue(client)
    broker = watch if system == "rq" else Watch(open_broker(server.url))
    broker.poll()
    found = find_all(broker.poll(), Thresholds())

    assert {each.name: each.state for each in found if each.name in CAUSES} == dict.fromkeys(CAUSES, "ok")


@needs_redis
@pytest.mark.usefixtures("failed_snapshot")
def test_refused_writes_are_critical_and_name_the_disk(server, watch):
    found = find(watch.poll(), "broker-writes-refused")

    assert found.state == "critical"
    assert found.text == (
        f"{server.url} refuses writes: its last snapshot couldn't be saved (MISCONF). No job can be sent,"
        " taken or ended. Free space on its disk, or let it write there, then run BGSAVE. Its log has the"
        " reason."
    )
    assert f"redis-cli -u {server.url} BGSAVE" in found.commands


@needs_redis
@pytest.mark.usefixtures("failed_snapshot")
def test_refused_writes_come_first(watch):
    watch.poll()

    verdict = judge_view(watch.poll(), Thresholds())

    assert verdict.first.name == "broker-writes-refused"


@needs_redis
@pytest.mark.usefixtures("failed_snapshot")
def test_refused_writes_are_counted(client, watch):
    watch.poll()
    for _ in range(2):
        with pytest.raises(Exception, match="MISCONF"):
            client.set("a", 1)

    assert " It refused 2 writes in the last " in find(watch.poll(), "broker-writes-refused").message


def test_what_isnt_certain_is_a_warning():
    facts = ServerFacts(writes_refused="snapshot", refusal_certain=False)

    found = find(view(facts), "broker-writes-refused")

    assert found.state == "warning"
    assert "may refuse writes" in found.message
    assert "settings that this user may not read (CONFIG GET)" in found.message


def test_a_write_that_was_refused_makes_it_certain():
    facts = ServerFacts(writes_refused="snapshot", refusal_certain=False)

    found = find(view(facts, refused={"MISCONF": 3}), "broker-writes-refused")

    assert (found.state, "may" in found.message) == ("critical", False)


@needs_redis
def test_a_full_server_is_told_by_its_capacity(client, watch):
    client.config_set("maxmemory", client.info("memory")["used_memory"] - 100_000)

    seen = watch.poll()

    assert find(seen, "broker-writes-refused").state == "ok"
    assert find(seen, "broker-capacity").state == "critical"


def test_writes_that_are_refused_for_memory_between_two_polls_are_told():
    found = find(view(ServerFacts(), refused={"OOM": 3}, used=40), "broker-writes-refused")

    assert found.state == "critical"
    assert "they need more memory than it has left (OOM). It refused 3 writes" in found.message


@needs_redis
def test_too_few_replicas_are_critical(client, watch):
    client.config_set("min-replicas-to-write", 1)

    found = find(watch.poll(), "broker-writes-refused")

    assert found.state == "critical"
    assert "fewer replicas are connected than min-replicas-to-write demands (NOREPLICAS)" in found.message


@needs_redis
def test_a_replica_is_critical_and_names_its_master(server, client, watch, tmp_path):
    with Server(tmp_path, **{"repl-diskless-sync-delay": "0"}) as master:
        client.replicaof("127.0.0.1", master.port)
        wait_until(lambda: client.info("replication")["master_link_status"] == "up")
        watch.poll()
        with pytest.raises(Exception, match="read only"):
            client.set("a", 1)

        seen = watch.poll()

    found = find(seen, "broker-replica")
    assert found.state == "critical"
    assert found.message.startswith(
        f"{server.url} is a replica of 127.0.0.1:{master.port}: no job can be sent to it or taken from it."
        " It refused 1 write in the last "
    )
    assert find(seen, "broker-writes-refused").state == "ok"


@needs_redis
def test_a_replica_without_its_master_says_so(client, watch):
    client.replicaof("127.0.0.1", free_port())

    assert ", to which it has no connection now:" in find(watch.poll(), "broker-replica").message


@needs_redis
def test_a_replica_whose_queues_move_is_only_a_warning(client, watch, tmp_path):
    """Clients use the master; only the monitor has the wrong address."""
    with Server(tmp_path, **{"repl-diskless-sync-delay": "0"}) as master, master.client() as other:
        enqueue(other)
        client.replicaof("127.0.0.1", master.port)
        wait_until(lambda: client.info("replication")["master_link_status"] == "up")
        watch.poll()
        enqueue(other)
        other.wait(1, 0)

        found = find(watch.poll(), "broker-replica")

    assert found.state == "warning"


@needs_redis
def test_a_replica_that_takes_jobs_will_lose_them(client, watch):
    client.config_set("replica-read-only", "no")
    client.replicaof("127.0.0.1", free_port())

    found = find(watch.poll(), "broker-replica")

    assert (found.state, "it takes jobs, but loses them" in found.message) == ("warning", True)


@needs_redis
def test_a_server_that_came_back_empty_is_critical_and_says_what_is_gone(server, client, watch):
    enqueue(client, 4)
    rq.SimpleWorker(["mail"], connection=client).register_birth()
    watch.poll()
    keys = client.dbsize()
    server.__exit__()
    server.__enter__()

    found = find(watch.poll(), "broker-emptied")

    assert (found.state, found.queue) == ("critical", "mail")
    assert found.message == (
        f"{server.url} came back empty: queue mail with 4 jobs is gone, no worker is registered;"
        f" 0 of {keys} keys are left."
    )
    assert "Restart the workers: they don't register again by themselves." in found.todo


@needs_redis
def test_celery_s_workers_need_no_restart(server):
    publish(server.url, "shop.mail", 1, queue="mail")
    watch = Watch(open_broker(server.url, "", ["mail"]))
    watch.poll()
    server.__exit__()
    server.__enter__()

    found = find(watch.poll(), "broker-emptied")

    assert "queue mail with 1 job is gone" in found.message
    assert "Restart" not in found.todo


@needs_redis
def test_many_lost_queues_are_counted(server, client, watch):
    for number in range(5):
        enqueue(client, 5 - number, f"q{number}")
    watch.poll()
    client.flushall()

    found = find(watch.poll(), "broker-emptied")

    assert (
        "was emptied: queue q0 with 5 jobs is gone, queue q1 with 4 jobs is gone, queue q2 with"
        in found.message
    )
    assert "so are 2 more queues" in found.message


@needs_redis
def test_a_start_that_nobody_saw_is_told_with_the_uptime(watch):
    verdict = judge_view(watch.poll(), Thresholds())

    assert (
        " ago and holds no job and no worker: if it should, it has lost its data."
        in verdict.of("broker").message
    )


def test_a_server_that_has_run_for_long_needs_no_word():
    verdict = judge_view(view(ServerFacts(uptime=86_400)), Thresholds())

    assert "started" not in verdict.of("broker").message


@needs_redis
def test_an_answer_that_took_seconds_is_told_after_the_fact(server, client, watch):
    for _ in range(6):
        watch.poll()
    client.client_pause(2_500)
    watch.poll()

    found = find(watch.poll(), "broker-slow")

    assert (found.state, found.value > 2) == ("warning", True)
    assert found.message.startswith(f"One answer of {server.url} took 2.")
    assert "(usually " in found.message
    assert found.message.endswith(" ago: all its clients waited.")


def test_the_first_answer_has_no_usual_time():
    slow = SlowAnswer(time=1_753_000_000_000_000, took=20.0, usual=None)

    found = find(view(ServerFacts(), slow=slow), "broker-slow")

    assert found.message == "One answer of redis://queue took 20.0 s: all its clients waited."


@needs_redis
@pytest.mark.parametrize(("policy", "state"), [("allkeys-lru", "critical"), ("volatile-lru", "warning")])
def test_evicted_keys_are_told(client, watch, policy, state):
    client.config_set("maxmemory-policy", policy)
    watch.poll()
    client.config_set("maxmemory", client.info("memory")["used_memory"] + 200_000)
    for number in range(1000):
        client.set(f"key-{number}", "x" * 1000, ex=3600)
    client.config_set("maxmemory", 0)

    found = find(watch.poll(), "broker-evicts")

    assert found.state == state
    assert f"evicted {client.info('stats')['evicted_keys']} keys in the last " in found.message
    assert f"({policy})" in found.message


@needs_redis
def test_results_that_never_expire_are_told_with_their_task(server, client):
    for _ in range(20):
        rq.Queue(connection=client).enqueue(tasks.send_mail, "a" * 4000, 0.0, result_ttl=-1)
    rq.SimpleWorker(["default"], connection=client).work(burst=True)
    client.config_set("maxmemory", int(client.info("memory")["used_memory"] * 1.5))

    found = find(Watch(Rq(open_redis(server.url), server.url)).poll(), "results-kept")

    assert (found.state, found.task) == ("warning", "slowtask.demo.tasks.send_mail")
    assert " of slowtask.demo.tasks.send_mail never expire, or only after a month, and hold " in found.message
    assert found.todo.startswith("Give these jobs a result_ttl")


KEPT = Owner(name="failed jobs", share=0.6, forever=0.5, task="jobs.big", task_share=0.9)


def test_failed_jobs_that_are_kept_are_told_with_their_growth():
    found = find(view(ServerFacts(), owners=[KEPT], failed=(24, 53)), "results-kept")

    assert found.message == (
        "Failed jobs of jobs.big never expire, or only after a month, and hold 30 % of what"
        " redis://queue stores. Failed jobs grew from 24 to 53 within the last hour."
    )
    assert found.todo.startswith("Give these jobs a failure_ttl")


@pytest.mark.parametrize("used", [10, 49])
def test_what_is_kept_is_no_matter_while_there_is_room(used):
    assert find(view(ServerFacts(), owners=[KEPT], used=used), "results-kept").state == "ok"


def test_results_that_expire_are_no_matter():
    owner = Owner(name="results", share=0.9, forever=0.1)

    assert find(view(ServerFacts(), owners=[owner], used=70), "results-kept").state == "ok"


def test_celery_s_results_have_another_remedy():
    owner = Owner(name="results", share=0.9, forever=1.0)

    found = find(view(ServerFacts(), owners=[owner], system="celery"), "results-kept")

    assert found.message.startswith("Results never expire")
    assert found.todo.startswith("Set result_expires")


def test_no_command_is_offered_for_an_address_that_redis_cli_does_not_know():
    facts = ServerFacts(writes_refused="snapshot")

    found = find(view(facts, name="redis+sentinel://a:1/shop/0"), "broker-writes-refused")

    assert found.commands == ()


def view(
    facts, *, owners=(), used=60, system="rq", name="redis://queue", slow=None, failed=(0, 0), refused=None
):
    """A view of a Redis with these facts."""
    poll = Poll(
        time=1_753_000_000_000_000,
        system=system,
        name=name,
        queues=[Queue(name="mail", depth=0)],
        workers=[],
        memory=Memory(used=used, limit=100, policy="noeviction"),
        server_facts=facts,
    )
    changes = Changes(span=60.0, refused=refused or {}, slow=slow, failed=failed)
    return replace(Watch(Known(poll, owners)).poll(), changes=changes)


class Known:
    """A broker of which all is known."""

    def __init__(self, poll, owners):
        self.system = poll.system
        self.name = poll.name
        self._poll = poll
        self._owners = owners

    def poll(self, tails):
        return self._poll

    def running(self, queues):
        return []

    def owners(self, max_keys):
        return self._owners
