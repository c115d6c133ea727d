"""`slowtask doctor`: what it says of environments whose workers record, and of others."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import missing

from environments import DJANGO_TASKS
from places import ROOT
from slowtask.doctor import installed, log, report, rotation
from slowtask.doctor.examine import examine
from slowtask.doctor.finding import Asked, Finding, Report
from slowtask.record import settings

APP = """
import slowtask, slowtask.celery
from celery import Celery
print("loading")
slowtask.configure(service_name="shop")
app = {app}
"""


@pytest.fixture(autouse=True)
def worker_folder(tmp_path, monkeypatch):
    """A worker's folder, in which it starts, without settings."""
    for name in [name for name in os.environ if name.startswith(("SLOWTASK_", "RQ_", "DJANGO_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(settings, "_configured", {})
    monkeypatch.setattr(settings, "_settings", None)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def found(topic, **asked):
    """The states and texts of what is found of *topic*."""
    return [(each.state, each.text) for each in examine(Asked(**asked)).findings if each.topic == topic]


def doctor(*arguments, python=sys.executable, **environment):
    """The command in a process of its own."""
    command = [python, "-m", "slowtask", "doctor", *arguments]
    clean = os.environ | {"COLUMNS": "80"} | environment
    return subprocess.run(command, env=clean, capture_output=True, text=True, check=False)


# Hooks


def test_a_worker_class_of_ours_records(monkeypatch):
    monkeypatch.setenv("RQ_WORKER_CLASS", "slowtask.rq.TimedWorker")

    [(state, text)] = found("rq")

    assert (state, text) == (
        "ok",
        "RQ_WORKER_CLASS=slowtask.rq.TimedWorker: its workers record every attempt.",
    )


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("rq.Worker", "this worker class records nothing"),
        ("slowtask.rq.TimedWorkr", "can't be imported"),
        ("nowhere.Worker", "can't be imported"),
        ("os.getcwd", "it isn't a class"),
    ],
)
def test_another_worker_class_is_wrong(path, said):
    [(state, text)] = found("rq", worker_class=path)

    assert state == "wrong"
    assert said in text


def test_a_job_class_alone_records_no_kills(monkeypatch):
    monkeypatch.setenv("RQ_JOB_CLASS", "slowtask.rq.TimedJob")

    assert [state for state, text in found("rq") if "Those that are killed aren't" in text] == ["ok"]


def test_without_a_known_hook_something_is_wrong():
    [(state, text)] = found("hooks")

    assert state == "wrong"
    assert "No hook is known to be active" in text


def test_a_settings_file_of_rq_that_cannot_be_imported_is_wrong(worker_folder):
    (worker_folder / "fine_settings.py").write_text("QUEUES = ['mail']")

    assert found("rq", config="fine_settings")[0][0] == "ok"
    assert found("rq", config="no_settings")[0][0] == "wrong"


@pytest.mark.parametrize(
    ("app", "state", "said"),
    [
        ('slowtask.celery.install(Celery("shop"))', "ok", "the hooks are connected"),
        ('Celery("shop")', "wrong", "the app has no hooks"),
        ('Celery("shop", include=["slowtask.celery.auto"])', "ok", "without waits"),
        ("Celry()", "wrong", "its import raised NameError"),
        ("7", "wrong", "can't be loaded"),
    ],
)
def test_the_hooks_of_an_app_are_looked_for(worker_folder, app, state, said):
    """In a process of its own, since signals and modules belong to the process."""
    (worker_folder / "shop.py").write_text(APP.format(app=app))

    done = doctor("-A", "shop", "--json")

    answer = json.loads(done.stdout)
    [told] = [each for each in answer["findings"] if each["topic"] == "celery"]
    assert (told["state"], said in told["text"]) == (state, True)
    assert done.returncode == (state == "wrong")


def test_what_the_app_configures_is_shown_with_its_source(worker_folder):
    (worker_folder / "shop.py").write_text(APP.format(app='slowtask.celery.install(Celery("shop"))'))

    answer = json.loads(doctor("-A", "shop", "--json", SLOWTASK_LABELS="shop.app").stdout)

    sources = {each["name"]: (each["value"], each["source"]) for each in answer["settings"]}
    assert sources["service_name"] == ("shop", "configure()")
    assert sources["labels"] == ("shop.app", "SLOWTASK_LABELS")
    assert sources["log"] == ("slowtask.ndjson", "default")


def test_the_message_of_a_failing_import_is_not_shown(worker_folder):
    """It may hold a secret."""
    (worker_folder / "shop.py").write_text('raise ValueError("redis://:hunter2@queue")')

    done = doctor("-A", "shop")

    assert "its import raised ValueError" in " ".join(done.stdout.split())
    assert "hunter2" not in done.stdout + done.stderr


DJANGO = """
SECRET_KEY = "hunter2"
RQ = {"WORKER_CLASS": "slowtask.rq.TimedWorker", "JOB_CLASS": "slowtask.rq.TimedJob"}
TASKS = {"default": {"BACKEND": "django_tasks_rq.RQBackend"}}
"""


@pytest.mark.slow
def test_the_classes_of_a_django_project_are_looked_at(worker_folder):
    """With the job class that these tasks can't run as, and without it."""
    python = DJANGO_TASKS.python if DJANGO_TASKS.made else missing(DJANGO_TASKS.name)
    environment = {"PYTHONPATH": str(ROOT / "app"), "DJANGO_SETTINGS_MODULE": "shop_settings"}
    (worker_folder / "shop_settings.py").write_text(DJANGO)
    wrong = doctor("--json", python=python, **environment)
    (worker_folder / "shop_settings.py").write_text(
        DJANGO.replace("slowtask.rq.TimedJob", "django_tasks_rq.Job")
    )
    right = doctor("--json", python=python, **environment)

    assert (wrong.returncode, right.returncode) == (1, 0)
    assert "Django's tasks need the job class django_tasks_rq.Job" in wrong.stdout
    assert "WORKER_CLASS=slowtask.rq.TimedWorker in Django's RQ: its workers record" in right.stdout
    assert "hunter2" not in wrong.stdout + right.stdout


def test_a_django_project_that_cannot_be_imported_is_wrong(monkeypatch):
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "no_settings")

    assert [state for state, text in found("rq") if "Django's settings can't be read" in text] == ["wrong"]


# Settings


def test_an_invalid_or_misspelt_variable_is_wrong_and_told_once(capfd, monkeypatch):
    monkeypatch.setenv("SLOWTASK_LOG_MAX_BYTES", "1 GB")
    monkeypatch.setenv("SLOWTASK_SERVICE_NAMES", "secret")

    texts = [text for state, text in found("settings") if state == "wrong"]

    assert texts == [
        "SLOWTASK_LOG_MAX_BYTES is invalid, so its default is used: 0.",
        "There is no setting SLOWTASK_SERVICE_NAMES: is it SLOWTASK_SERVICE_NAME?",
    ]
    assert capfd.readouterr().err == ""


def test_variables_of_the_commands_are_no_misspelling(monkeypatch):
    for name in ("LOG_HEAD", "LOG_FIELDS", "MONITOR_LOG", "ELASTICSEARCH_PASSWORD", "LOG_FOLDER"):
        monkeypatch.setenv(f"SLOWTASK_{name}", "x")

    assert found("settings") == []


# The log


def test_a_test_record_leaves_nothing_behind(worker_folder):
    before = worker_folder / "slowtask.ndjson"
    before.write_text("a line\n")

    texts = found("log")

    assert ("ok", "A test record was written to a file beside it, read back and removed.") in texts
    assert [path.name for path in worker_folder.iterdir()] == ["slowtask.ndjson"]
    assert before.read_text() == "a line\n"


def test_a_folder_that_is_missing_is_not_made(worker_folder, monkeypatch):
    monkeypatch.setenv("SLOWTASK_LOG", str(worker_folder / "logs" / "shop" / "slowtask.ndjson"))

    assert {state for state, _ in found("log")} <= {"ok", "note"}
    assert not (worker_folder / "logs").exists()


def test_a_log_that_is_a_folder_is_wrong(worker_folder, monkeypatch):
    monkeypatch.setenv("SLOWTASK_LOG", str(worker_folder))

    [(state, text)] = found("log")

    assert state == "wrong"
    assert f"SLOWTASK_LOG={worker_folder}/slowtask.ndjson" in text


def test_a_log_that_this_user_cannot_write_is_wrong(worker_folder, monkeypatch):
    """`os.access` answers for the user, whom root can't play."""
    (worker_folder / "slowtask.ndjson").touch()
    monkeypatch.setattr(os, "access", lambda *_: False)

    [_, (state, text)] = found("log")

    assert state == "wrong"
    assert "can't write it: records are lost" in text


@pytest.mark.parametrize(("max_bytes", "state"), [("0", "note"), ("1000", "wrong")])
def test_a_log_in_a_folder_that_only_logrotate_writes_is_fine_unless_workers_rotate_it(
    worker_folder, monkeypatch, max_bytes, state
):
    (worker_folder / "slowtask.ndjson").touch()
    monkeypatch.setenv("SLOWTASK_LOG_MAX_BYTES", max_bytes)
    monkeypatch.setattr(os, "access", lambda path, _: str(path).endswith("slowtask.ndjson"))

    assert [one for one, text in found("log") if "but not its folder" in text] == [state]


def test_beside_a_fifo_nothing_is_written(worker_folder):
    os.mkfifo(worker_folder / "slowtask.ndjson")

    assert [state for state, _ in found("log")] == ["note", "note"]


def test_a_full_disk_is_wrong(worker_folder, monkeypatch):
    monkeypatch.setattr(log.shutil, "disk_usage", lambda _: SimpleNamespace(free=1_000_000))

    assert [state for state, text in found("log") if "1 MB are free" in text] == ["wrong"]


def test_a_record_that_cannot_be_written_is_wrong(worker_folder, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(log.File, "append", fail)

    assert [state for state, text in found("log") if "No space left" in text] == ["wrong"]


@pytest.mark.parametrize(("value", "said"), [("off", "The log is off"), ("-", "worker's stdout")])
def test_a_log_that_is_no_file_is_named(monkeypatch, value, said):
    monkeypatch.setenv("SLOWTASK_LOG", value)

    [(_, text)] = found("log")

    assert said in text


@pytest.mark.parametrize(
    ("body", "max_bytes", "states"),
    [
        ("daily copytruncate", 0, ["wrong"]),
        ("daily\n  # copytruncate\n  rotate 7", 0, ["ok"]),
        ("daily", 1_000_000, ["wrong"]),
    ],
)
def test_logrotate_must_not_truncate_or_rotate_twice(tmp_path, body, max_bytes, states):
    (tmp_path / "shop").write_text(
        "weekly\n/var/log/shop/*.ndjson {\n  " + body + "\n}\n/var/log/other { copytruncate }\n"
    )
    path = Path("/var/log/shop/slowtask.ndjson")

    assert [each.state for each in rotation.check_rotation(path, max_bytes, (tmp_path,))] == states


# Versions, and what is printed


@pytest.mark.parametrize(
    ("name", "version", "state"),
    [("rq", "1.16.2", "wrong"), ("rq", "2.0", "ok"), ("rq", "3.4", "ok"), ("rq", "4.0", "note"),
     ("celery", "5.2.7", "wrong"), ("celery", "5.7.3", "ok"), ("celery", "5.8.0rc1", "note")],
)  # fmt: skip
def test_versions_that_the_hooks_are_for_are_told_from_others(name, version, state):
    assert installed.check_version(name, version).state == state


def test_two_packages_of_different_versions_are_wrong():
    versions = {"python": "3.11.7", "slowtask": "1.0", "slowtask-cli": "1.1", "rq": "3.0"}

    assert "wrong" in [each.state for each in installed.check_versions(versions)]


@pytest.mark.parametrize("width", [60, 80])
def test_the_text_fits_the_terminal_and_says_first_what_is_wrong(width):
    findings = [Finding("log", "wrong", "a word " * 40), Finding("rq", "ok", "fine")]

    text = report.format_text(Report(versions={}, findings=findings), width)

    assert max(map(len, text.splitlines())) <= width
    assert text.startswith("1 thing is wrong here.")


def test_the_exit_status_says_whether_something_is_wrong():
    good = doctor(RQ_WORKER_CLASS="slowtask.rq.TimedWorker")
    bad = doctor(RQ_WORKER_CLASS="rq.Worker")

    assert (good.returncode, bad.returncode) == (0, 1)
    assert good.stdout.startswith("A worker that starts here, with these settings, records what it runs.")
