"""Every event goes through one standard logger, and its line is written however logging is configured."""

import json
import logging
import logging.config
import os
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime

import pytest
from pythonjsonlogger.json import JsonFormatter

from slowtask.record import log, settings
from slowtask.record.event import DATASET, Run
from slowtask.record.guard import Trouble, troubles
from slowtask.record.settings import configure


@pytest.fixture
def path(tmp_path, monkeypatch):
    """A log of the test's own, through the settings."""
    path = tmp_path / "runs.ndjson"
    monkeypatch.setattr(settings, "_configured", {})
    configure(log=str(path))
    yield path
    logger = logging.getLogger(log.LOGGER_NAME)
    for handler in list(logger.handlers):
        logger.removeHandler(handler)


def run(**more):
    return Run(
        timestamp=datetime.now(UTC),
        id="0" * 32,
        dataset=DATASET,
        outcome="success",
        **{"task": "jobs.a"} | more,
    )


def tasks(path):
    return [json.loads(line)["task.name"] for line in path.read_text().splitlines()]


def test_an_event_becomes_a_line(path):
    log.write(run())

    assert tasks(path) == ["jobs.a"]


def test_a_handler_of_the_users_sees_the_event(path):
    """And python-json-logger's own formatter makes the same fields of it."""
    events = []
    handler = logging.Handler()
    handler.setFormatter(JsonFormatter())
    handler.emit = lambda record: events.append(json.loads(handler.format(record)))
    logging.getLogger("slowtask.run").addHandler(handler)
    log.write(run())

    assert events[0]["task.name"] == "jobs.a"
    assert tasks(path) == ["jobs.a"]


@pytest.fixture
def loggers():
    """All other loggers are left as they were: later tests of this process use them."""
    loggers = [item for item in logging.root.manager.loggerDict.values() if isinstance(item, logging.Logger)]
    before = {logger: logger.disabled for logger in loggers}
    yield
    for logger, disabled in before.items():
        logger.disabled = disabled


def test_a_logging_configuration_that_knows_nothing_of_us_silences_nothing(path, loggers):
    """As Django's, which disables every logger that it doesn't name."""
    log.write(run())
    logging.config.dictConfig({"version": 1, "disable_existing_loggers": True})
    log.write(run(task="jobs.b"))

    assert tasks(path) == ["jobs.a", "jobs.b"]


def test_the_workers_console_stays_free_of_events(path, monkeypatch):
    console = logging.Handler()
    console.emit = pytest.fail
    monkeypatch.setattr(logging.getLogger(), "handlers", [console])
    log.write(run())

    assert tasks(path) == ["jobs.a"]


def test_off_leaves_events_to_the_users_handlers(path):
    configure(log="off")
    log.write(run())

    assert not path.exists()


def test_settings_may_change_while_it_runs(path, tmp_path):
    log.write(run())
    configure(log=str(tmp_path / "other.ndjson"))
    log.write(run(task="jobs.b"))

    assert tasks(path) == ["jobs.a"]
    assert tasks(tmp_path / "other.ndjson") == ["jobs.b"]


@pytest.mark.parametrize("target", ["/dev/full", "/proc/nowhere/runs.ndjson", "/"])
def test_a_line_that_cannot_be_written_is_counted(path, target, capfd):
    before = troubles()[Trouble.EVENT]
    configure(log=target)
    log.write(run())

    assert troubles()[Trouble.EVENT] == before + 1


def test_an_event_that_cannot_be_serialised_is_counted(path, capfd):
    before = troubles()[Trouble.EVENT]
    log.write(run(labels={"key": object()}))

    assert troubles()[Trouble.EVENT] == before + 1 or json.loads(path.read_text())["labels"]


def test_stdout_takes_lines_for_containers():
    script = """
from datetime import UTC, datetime
from slowtask.record import log
from slowtask.record.event import Run
log.write(Run(timestamp=datetime.now(UTC), id="0", dataset="slowtask.run", outcome="success", task="jobs.a"))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], env={"SLOWTASK_LOG": "-"}, capture_output=True, text=True, check=True
    )

    assert json.loads(done.stdout)["task.name"] == "jobs.a"


def test_trouble_is_warned_of_once_for_a_worker_and_all_its_horses():
    script = """
import os
from slowtask.record.guard import Trouble, report_trouble, troubles
for _ in range(3):
    if os.fork() == 0:
        report_trouble(Trouble.EVENT, OSError("disk full"))
        os._exit(0)
    os.wait()
print(troubles()[Trouble.EVENT])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout == "3\n"
    assert done.stderr.count("slowtask:") == 1
    assert "disk full" in done.stderr


@pytest.fixture
def hasty():
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_threads_that_write_first_at_the_same_time_write_one_line_each(path, hasty):
    """As the threads of a worker do that begin as it starts."""
    threads = 8
    for turn in range(100):
        configure(log=str(path.with_suffix(f".{turn}")))
        start = threading.Barrier(threads)

        def write(start=start):
            start.wait()
            log.write(run())
            log.write(run())

        found = [threading.Thread(target=write) for _ in range(threads)]
        for each in found:
            each.start()
        for each in found:
            each.join()

        assert len(tasks(path.with_suffix(f".{turn}"))) == 2 * threads


def test_a_fork_amid_the_first_write_of_another_thread_leaves_no_lock_behind(path, monkeypatch):
    begun, forked = threading.Event(), threading.Event()

    def open_log(settings, real=log.open_log):
        begun.set()
        forked.wait()
        return real(settings)

    monkeypatch.setattr(log, "open_log", open_log)
    first = threading.Thread(target=log.write, args=[run()])
    first.start()
    begun.wait()
    child = os.fork()
    forked.set()
    if not child:
        signal.alarm(30)  # so that it ends if it is held up
        log.write(run(task="jobs.b"))
        os._exit(0)
    first.join()

    assert os.waitpid(child, 0) == (child, 0)
    assert sorted(tasks(path)) == ["jobs.a", "jobs.b"]
