"""The monitor's loop, against a real Redis and a real HTTP server as its channel."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import msgspec
import pytest
import rq
from conftest import PATIENCE, wait_until

from logs import made, written
from slowtask.cli.follow import FileFollower
from slowtask.cli.runs import Reader
from slowtask.demo import tasks
from slowtask.demo.server import Server
from slowtask.demo.workers import Workers
from slowtask.errors import UsageError
from slowtask.record import event, sample
from slowtask.watch.broker.redis import open_redis
from slowtask.watch.broker.rq import Rq
from slowtask.watch.causes import broker_unseen, find_all
from slowtask.watch.channels import open_senders
from slowtask.watch.judge import Typical
from slowtask.watch.metrics.health import Health
from slowtask.watch.metrics.server import serve
from slowtask.watch.monitor import LineFile, Monitor
from slowtask.watch.samples import sample_lines
from slowtask.watch.settings import MonitorSettings, Thresholds, load
from slowtask.watch.tell import Channel, Channels
from slowtask.watch.typical import Runs
from slowtask.watch.view import Watch

MAIL, COMPUTE = "slowtask.demo.tasks.send_mail", "slowtask.demo.tasks.compute"
TYPICAL = {MAIL: Typical(mean=5.0, p99=9.0), COMPUTE: Typical(mean=0.2, p99=0.4)}


@pytest.fixture
def broker(redis, redis_server):
    return Rq(redis, redis_server, seed=1)


@pytest.fixture
def watch(broker):
    return Watch(broker, Thresholds(), lambda: TYPICAL)


def fill(redis, mails=20, computations=0, name="default"):
    target = rq.Queue(name, connection=redis)
    for _ in range(mails):
        target.enqueue(tasks.send_mail, "a", 5)
    for _ in range(computations):
        target.enqueue(tasks.compute, 5)


def recent(task, took):
    """A run that ended just now."""
    return msgspec.structs.replace(made(task=task, took=took), timestamp=datetime.now(UTC))


def limit(redis, ratio):
    """Give Redis a limit of which *ratio* is in use now; the ballast outweighs connections."""
    redis.setrange("ballast", 20_000_000, "x")
    redis.config_set("maxmemory", int(redis.info("memory")["used_memory"] / ratio))


def states(view, limits=Thresholds()):  # noqa: B008 - frozen
    return {(each.name, each.subject): each.state for each in find_all(view, limits)}


def test_a_full_redis_is_critical_and_the_task_to_blame_is_named(watch, redis, redis_server):
    fill(redis, mails=20, computations=100)
    limit(redis, 0.9)

    view = watch.poll()

    found = {each.name: each for each in find_all(view, Thresholds())}
    assert found["broker-capacity"].state == "critical"
    assert found["broker-capacity"].task == MAIL
    assert "20 waiting, 1m 40s of worker time, 83 % of the backlog" in found["broker-capacity"].message
    assert "RQ can no longer drain its queues" in found["broker-capacity"].message


def test_a_redis_with_room_is_well(watch, redis, redis_server):
    limit(redis, 0.1)

    assert set(states(watch.poll()).values()) == {"ok"}


def test_one_without_a_limit_or_that_evicts_is_a_warning(watch, redis, redis_server):
    assert states(watch.poll())["broker-policy", redis_server] == "warning"
    limit(redis, 0.1)
    redis.config_set("maxmemory-policy", "allkeys-lru")
    text = next(each.message for each in find_all(watch.poll(), Thresholds()) if each.name == "broker-policy")
    redis.config_set("maxmemory-policy", "noeviction")

    assert "evicts keys when it is full (allkeys-lru)" in text


class Clocked(Rq):
    """Each poll is a tenth of a second after the one before, however long a busy machine took."""

    times = count(1_800_000_000_000_000, 100_000)  #: µs

    def poll(self, *arguments, **options):
        return replace(super().poll(*arguments, **options), time=next(self.times))


def test_a_redis_that_fills_is_forecast_before_it_is_full(redis, redis_server):
    limit(redis, 0.5)
    watch = Watch(Clocked(redis, redis_server, seed=1), Thresholds(), lambda: TYPICAL)
    for _ in range(12):
        fill(redis, mails=40)
        view = watch.poll()

    assert view.capacity.ratio < 0.7
    assert view.forecast.seconds < 900
    [soon] = [each for each in find_all(view, Thresholds()) if each.name == "broker-full-soon"]
    assert soon.state in ("warning", "critical")
    assert (soon.value, soon.warning, soon.critical) == (view.forecast.seconds, 900.0, 150.0)


def test_a_queue_s_own_limits_are_watched(watch, redis):
    fill(redis, mails=90)

    found = states(watch.poll(), Thresholds(depth={"default": 100}, age={"default": 0.001}))

    assert found["queue-depth", "default"] == "warning"
    assert found["queue-age", "default"] == "critical"


def test_a_run_that_takes_too_long_is_told_before_it_ends(broker, redis, redis_server, tmp_path):
    usual = {MAIL: Typical(mean=0.01, p99=0.05)}
    with Workers(tmp_path, redis_server, 1):
        rq.Queue(connection=redis).enqueue(tasks.send_mail, "a", 600)
        watch = Watch(broker, Thresholds(), lambda: usual)
        found = wait_until(
            lambda: [
                each
                for each in find_all(watch.poll(), Thresholds())
                if (each.name, each.state) == ("queue-overrun", "warning")
            ]
        )

    assert found[0].task == MAIL
    assert "usually takes less than 50 ms" in found[0].message


def test_a_limit_of_the_users_own_counts_at_once(broker, redis, redis_server, tmp_path):
    limits = Thresholds(runtime={MAIL: 0.1})
    with Workers(tmp_path, redis_server, 1):
        rq.Queue(connection=redis).enqueue(tasks.send_mail, "a", 600)
        watch = Watch(broker, limits)
        wait_until(lambda: states(watch.poll(), limits).get(("queue-overrun", "default")) == "warning")


def test_the_samples_of_a_look_are_lines_of_the_design(watch, redis):
    fill(redis, mails=3)
    watch.poll()
    fill(redis, mails=2)

    lines = [msgspec.to_builtins(each) for each in sample_lines(watch.poll())]

    of_queue = next(each for each in lines if "queue.name" in each)
    of_broker = next(each for each in lines if "broker.name" in each)
    assert (of_queue["queue.depth"], of_queue["queue.arrivals"], of_queue["queue.departures"]) == (5, 2, 0)
    assert {each["event.dataset"] for each in lines} == {"slowtask.queue"}
    assert of_queue.keys() <= event.types(sample.QueueSample).keys()
    assert of_broker["broker.memory.used"] > 0


def monitored(watch, tmp_path, **others):
    lines = []
    settings = MonitorSettings(calm=0.0, **others)
    clock = iter(float(n) for n in range(1000)).__next__
    return Monitor(watch, "redis", settings, write=lines.append, clock=clock), lines


def test_one_step_writes_samples_and_what_is_told(watch, redis, tmp_path):
    fill(redis)
    limit(redis, 0.9)
    monitor, lines = monitored(watch, tmp_path)

    [alarm] = [each for each in monitor.poll() if each.finding.name == "broker-capacity"]

    records = [json.loads(line) for line in lines]
    assert alarm.state == "critical"
    assert {each["event.dataset"] for each in records} == {"slowtask.queue", "slowtask.alert"}
    assert [each["task.name"] for each in records if each.get("alert.name") == "broker-capacity"] == [MAIL]


def test_the_line_of_an_alert_that_is_over_says_what_ended_it(watch, redis, tmp_path):
    limit(redis, 0.9)
    monitor, lines = monitored(watch, tmp_path)
    monitor.poll()
    limit(redis, 0.1)
    for _ in range(3):
        monitor.poll()

    records = [json.loads(line) for line in lines]
    [over] = [
        each
        for each in records
        if (each.get("alert.name"), each.get("alert.state")) == ("broker-capacity", "ok")
    ]
    assert re.match(
        r"RESOLVED .*: close to its limit, for [\d.]+ s\. Its memory was raised from ", over["message"]
    )
    states = [each["verdict.state"] for each in records if "broker.name" in each]
    assert (states[0], states[-1]) == ("critical", "ok")


def test_a_queue_without_workers_is_one_message_that_names_what_follows(watch, redis, web):
    fill(redis, mails=90)
    settings = MonitorSettings(depth={"default": 100}, age={"default": 0.001})
    lines = []
    channels = Channels([Channel(name, send) for name, send in open_senders([web.url])])
    Monitor(watch, "redis", settings, write=lines.append, channels=channels).poll()
    channels.stop(PATIENCE)

    [page] = [each for each in web.got if "default: " in each["title"]]
    assert page["title"] == "CRITICAL default: no live worker"
    assert (
        "also: default: jobs wait too long\nalso: default: too many jobs wait\nrq worker" in page["message"]
    )
    causes = {
        each["alert.name"]: each.get("alert.cause") for each in map(json.loads, lines) if "alert.name" in each
    }
    assert causes["queue-age"] == causes["queue-depth"] == "workers-none"
    assert causes["workers-none"] is None


@pytest.mark.server
def test_a_redis_that_goes_away_and_comes_back_is_told_both_times(tmp_path):
    with Server(tmp_path) as server:
        client = open_redis(server.url)
        watch = Watch(Rq(client, server.url))
        monitor, lines = monitored(watch, tmp_path)
        monitor.poll()
    gone = [(each.finding.name, each.state) for each in monitor.poll()]
    count = len(lines)
    again = Server(tmp_path)
    again.port = server.port
    with again:
        back = [(each.finding.name, each.state) for each in monitor.poll()]
        back += [(each.finding.name, each.state) for each in monitor.poll()]

    assert ("broker-unseen", "critical") in gone
    assert count == len(lines) - sum(1 for line in lines[count:])
    assert ("broker-unseen", "ok") in back


def test_what_can_not_be_seen_is_no_sample_of_zeros(tmp_path):
    with open_redis("redis://127.0.0.1:1") as client:
        monitor, lines = monitored(Watch(Rq(client, "redis://127.0.0.1:1")), tmp_path)
        monitor.poll()

    assert [json.loads(line)["event.dataset"] for line in lines] == ["slowtask.alert"]


def test_a_broker_that_is_away_is_asked_less_and_less_often(tmp_path):
    with open_redis("redis://127.0.0.1:1") as client:
        monitor, _ = monitored(Watch(Rq(client, "redis://127.0.0.1:1")), tmp_path)
        pauses = [monitor.next_interval()]
        for _ in range(8):
            monitor.poll()
            pauses.append(monitor.next_interval())

    assert pauses[:4] == [5.0, 10.0, 20.0, 40.0]
    assert pauses[-1] == 60.0


def test_a_full_disk_does_not_end_the_watch(watch, redis):
    def full(_):
        raise OSError(28, "No space left on device")

    monitor = Monitor(watch, "redis", MonitorSettings(), write=full)

    assert isinstance(monitor.poll(), list)


def test_seen_again_is_a_finding_too():
    assert broker_unseen("redis", None).state == "ok"


def runs_in(path, **options):
    """The runs in the log at *path*, read as the monitor does."""
    return Runs(Reader([str(path)], since=None), [str(path)], **options)


def test_typical_times_come_from_the_log_of_runs(tmp_path):
    log = written(tmp_path / "runs.ndjson", [made(task="jobs.a", took=n, number=n) for n in (1, 2, 3)])

    found = runs_in(log)()

    assert found["jobs.a"].mean == 2.0
    assert found["jobs.a"].count == 3


def test_a_release_that_makes_a_task_slower_is_known_from_its_first_runs(tmp_path):
    old = [made(task="jobs.price", took=1.0, number=n, version="1.9") for n in range(500)]
    log = written(tmp_path / "runs.ndjson", old)
    runs = runs_in(log, follow=FileFollower([str(log)]))
    before = runs()["jobs.price"].mean
    new = [made(task="jobs.price", took=3.0, number=500 + n, version="2.0") for n in range(5)]
    written(log, [*old, *new])

    assert (before, runs()["jobs.price"].mean) == (1.0, 3.0)
    assert [run.version for run in runs.history().runs()][-5:] == ["2.0"] * 5


def test_a_log_that_can_not_be_read_leaves_times_unknown_and_says_why(tmp_path):
    runs = runs_in(tmp_path / "nothere")

    assert runs() == {}
    assert f"names {tmp_path / 'nothere'}, which doesn't exist yet" in runs.problem


def test_logs_of_runs_are_told_once_when_they_are_missing_and_again_when_they_appear(tmp_path, caplog):
    caplog.set_level("INFO", "slowtask.monitor")
    path, noticed = tmp_path / "runs.ndjson", []
    runs = runs_in(path, interval=0.0, notify=noticed.append)
    for _ in range(3):
        runs()
    written(path, [made(task="jobs.a")])
    runs = [runs() for _ in range(2)]

    first, second = caplog.messages
    assert first.startswith("SLOWTASK_MONITOR_RUNS (runs in --config) names ")
    assert "which doesn't exist yet. Run times and tasks to blame are unknown until it does." in first
    assert "can be read again" in second
    assert [*runs[0]] == ["jobs.a"]
    assert noticed == [first, None]


def test_logs_of_runs_that_appear_are_read_at_the_next_look(tmp_path):
    path = tmp_path / "runs.ndjson"
    runs = runs_in(path)
    before = runs()
    written(path, [made(task="jobs.a")])

    assert (before, [*runs()]) == ({}, ["jobs.a"])


def test_logs_of_runs_that_are_no_logs_are_told_with_the_setting(tmp_path, caplog):
    (tmp_path / "logs").mkdir()
    runs = runs_in(tmp_path / "logs")
    runs()

    [told] = caplog.messages
    assert f"{tmp_path / 'logs'} holds no logs" in told
    assert "Correct SLOWTASK_MONITOR_RUNS" in told


def test_a_log_that_can_not_be_written_later_is_told_once_and_again_when_it_can(caplog):
    caplog.set_level("INFO", "slowtask.monitor")
    full, written, noticed = [True], [], []

    def write(line):
        if full[0]:
            raise OSError(28, "No space left on device")
        written.append(line)

    lines = LineFile(write, "/var/log/m.ndjson", noticed.append)
    for _ in range(3):
        lines.write(b"lost\n")
    full[0] = False
    lines.write(b"kept\n")

    first, second = caplog.messages
    assert "/var/log/m.ndjson can't be written (No space left on device)" in first
    assert second == "the monitor's log /var/log/m.ndjson can be written again; 3 lines lost."
    assert (written, noticed) == ([b"kept\n"], [first, None])


def test_a_log_that_can_not_be_written_at_the_start_is_a_wrong_setting(tmp_path, redis_server):
    (tmp_path / "file").touch()
    environment = os.environ | {"SLOWTASK_MONITOR_LOG": "file/m.ndjson", "SLOWTASK_REDIS_URL": redis_server}
    command = [str(Path(sys.executable).parent / "slowtask"), "monitor"]

    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert done.stderr.startswith(
        "slowtask: the monitor's log file/m.ndjson can't be written (Not a directory)"
    )
    assert done.stderr.count("\n") == 1


def test_what_the_monitor_can_not_read_is_seen_from_outside(watch, redis):
    health = Health(max_age=60.0)
    server = serve("127.0.0.1:0", health)
    health.update(watch.poll())
    health.report("runs", "no log of runs")

    assert get(server, "/healthz") == (200, "ok\nno log of runs\n")
    text = get(server, "/metrics")[1]
    assert 'slowtask_monitor_problem{part="runs"} 1.0' in text
    assert 'slowtask_monitor_problem{part="log"} 0.0' in text
    server.shutdown()


def get(server, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}{path}") as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_metrics_show_the_last_look_with_bounded_labels(watch, redis):
    fill(redis, mails=4, name='odd"\n')
    limit(redis, 0.5)
    health = Health(max_age=60.0)
    server = serve("127.0.0.1:0", health)
    before = get(server, "/healthz")
    health.update(watch.poll())

    status, text = get(server, "/metrics")

    assert before[0] == 503
    assert get(server, "/healthz") == (200, "ok\n")
    assert get(server, "/other")[0] == 404
    assert status == 200
    assert 'slowtask_queue_depth{queue="odd\\"\\\\n",system="rq"} 4.0' in text
    assert f'slowtask_backlog_seconds{{system="rq",task="{MAIL}"}} 20.0' in text
    assert "slowtask_queue_load_ratio{" not in text  # nobody works: it isn't known
    server.shutdown()


def test_a_monitor_that_has_not_looked_of_late_is_not_well(watch, redis):
    now = [0.0]
    health = Health(max_age=10.0, clock=lambda: now[0])
    health.update(watch.poll())
    now[0] = 11.0

    assert not health.healthy


def test_an_address_in_use_is_told(web):
    with pytest.raises(UsageError, match="can't be served"):
        serve(f"127.0.0.1:{web.server.server_port}", Health(max_age=1.0))


def test_settings_come_from_the_file_and_the_environment_wins(tmp_path):
    path = tmp_path / "slowtask.toml"
    path.write_text('interval = 2\nchannels = ["json://a"]\n[depth]\ndefault = 100\n')

    found = load(path, {"SLOWTASK_MONITOR_INTERVAL": "3", "RQ_REDIS_URL": "redis://rq"})

    assert (found.interval, found.channels, found.depth) == (3.0, ("json://a",), {"default": 100})
    assert found.redis_url == "redis://rq"
    assert (
        load(None, {"SLOWTASK_REDIS_URL": "redis://own", "RQ_REDIS_URL": "redis://rq"}).redis_url
        == "redis://own"
    )


def test_every_mistake_is_named_at_once(tmp_path):
    path = tmp_path / "slowtask.toml"
    path.write_text('interval = 0\ncapacity = "half"\nnothere = 1\nmetrics = "9187"\n[depth]\na = -1\n')

    with pytest.raises(UsageError) as raised:
        load(path, {"SLOWTASK_MONITOR_CALM": "soon"})

    for name in ("interval", "capacity", "nothere", "metrics", "depth", "calm"):
        assert name in str(raised.value)


@pytest.mark.parametrize(("text", "said"), [("a = ", "isn't valid TOML"), (None, "can't be read")])
def test_a_file_that_is_none_is_told(tmp_path, text, said):
    path = tmp_path / "slowtask.toml"
    if text is not None:
        path.write_text(text)

    with pytest.raises(UsageError, match=said):
        load(path, {})


def test_the_defaults_are_valid_settings():
    plain = {name: getattr(MonitorSettings(), name) for name in ("interval", "capacity", "soon", "calm")}

    assert (
        load(None, {f"SLOWTASK_MONITOR_{name.upper()}": str(value) for name, value in plain.items()})
        == MonitorSettings()
    )


def test_the_service_watches_alerts_and_stops_cleanly(redis, redis_server, tmp_path, web):
    fill(redis)
    limit(redis, 0.9)
    log = tmp_path / "monitor.ndjson"
    environment = os.environ | {
        "SLOWTASK_REDIS_URL": redis_server,
        "SLOWTASK_MONITOR_INTERVAL": "0.5",
        "SLOWTASK_MONITOR_LOG": str(log),
        "SLOWTASK_MONITOR_CHANNELS": web.url,
    }
    command = [str(Path(sys.executable).parent / "slowtask"), "monitor"]
    process = subprocess.Popen(command, env=environment, cwd=tmp_path, stderr=subprocess.PIPE)
    wait_until(lambda: web.got)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=PATIENCE)

    assert process.returncode == 0
    assert b"[broker-capacity]" in said
    assert b"stopped" in said
    assert {json.loads(line)["event.dataset"] for line in log.read_bytes().splitlines()} == {
        "slowtask.queue",
        "slowtask.alert",
    }


def test_a_channel_is_tried_by_the_command(web, tmp_path):
    environment = os.environ | {"SLOWTASK_MONITOR_CHANNELS": web.url}
    command = [str(Path(sys.executable).parent / "slowtask"), "monitor", "--test-alert"]

    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 0
    assert done.stdout.startswith("json (1): sent, ")


@pytest.mark.parametrize(
    ("ratio", "status", "word"), [(0.1, 0, "OK: "), (0.75, 1, "WARNING: "), (0.9, 2, "CRITICAL: ")]
)
def test_status_check_is_for_cron_and_nagios(redis, redis_server, ratio, status, word):
    fill(redis)
    redis.delete("rq:queue:default")  # its jobs stay: nobody waits for a worker
    limit(redis, ratio)
    command = [str(Path(sys.executable).parent / "slowtask"), "status", "--check", "--seconds", "0.2"]

    done = subprocess.run(
        [*command, "--redis-url", redis_server], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout[: len(word)]) == (status, word)
    assert done.stdout.count("\n") == 1


def test_status_check_takes_the_limits_of_the_monitor(redis, redis_server, tmp_path):
    fill(redis, name="mail", mails=20)
    limit(redis, 0.1)
    config = tmp_path / "slowtask.toml"
    config.write_text(f'redis_url = "{redis_server}"\n[depth]\nmail = 10\n')
    command = [str(Path(sys.executable).parent / "slowtask"), "status", "--json", "--seconds", "0.2"]

    done = subprocess.run([*command, "--config", str(config)], capture_output=True, text=True, check=True)

    assert "queue-depth" in done.stdout


def test_status_check_of_a_redis_that_is_away_is_unknown():
    command = [str(Path(sys.executable).parent / "slowtask"), "status", "--check"]

    done = subprocess.run(
        [*command, "--redis-url", "redis://127.0.0.1:1"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 3
    assert done.stdout.startswith("UNKNOWN: redis://127.0.0.1:1 can't be reached")


def test_status_shows_the_broker_the_queues_and_the_backlog(redis, redis_server, tmp_path):
    fill(redis, mails=3, computations=2, name="mail")
    limit(redis, 0.83)
    runs = written(
        tmp_path / "runs.ndjson",
        [recent(MAIL, 5.0)],
    )
    command = [str(Path(sys.executable).parent / "slowtask"), "status", "--seconds", "0.2"]

    done = subprocess.run(
        [*command, "--redis-url", redis_server, "--runs", str(runs)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )

    assert done.returncode == 0
    assert re.search(r"8[234] % of", done.stdout)
    assert re.search(r"mail +5 ", done.stdout)
    assert re.search(rf"{MAIL} +3 +15\.0 s +100 %", done.stdout)


def test_status_json_is_one_object(redis, redis_server, tmp_path):
    fill(redis, mails=3)
    command = [str(Path(sys.executable).parent / "slowtask"), "status", "--json", "--seconds", "0.2"]

    done = subprocess.run(
        [*command, "--redis-url", redis_server], capture_output=True, text=True, cwd=tmp_path, check=True
    )

    found = json.loads(done.stdout)
    assert found["queues"][0]["depth"] == 3
    assert found["queues"][0]["backlog"][0]["work"] is None
