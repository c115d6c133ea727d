"""What Celery's hooks record and send, and that they never hurt a task: real workers on a real Redis."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from types import SimpleNamespace

import celery
import pytest
from celery import signals
from celery.app.task import Context
from celery.contrib.testing.worker import start_worker
from celery.events.state import State
from celery.signals import setup_logging
from celery.utils.dispatch import Signal
from celery.worker.request import Request
from conftest import PATIENCE, TROUBLES, wait_until
from kombu import Exchange, Queue

import slowtask.celery
from growing import read_events
from places import CELERY_OUTCOMES
from slowtask.celery import facts, hooks
from slowtask.celery.request import RecordingRequest, replace_request_classes
from slowtask.record import settings
from slowtask.record.settings import configure

pytestmark = pytest.mark.redis
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture
def app(redis, redis_server):
    """An app on the test's Redis. The hooks, which belong to the process, are removed after the test."""
    plain = celery.Celery("tests", broker=redis_server, backend=redis_server, set_as_current=False)
    yield slowtask.celery.install(plain)
    for emitter in (each for each in vars(signals).values() if isinstance(each, Signal)):
        for (uid, _), _ in list(emitter.receivers):
            if str(uid).startswith("slowtask."):
                emitter.disconnect(dispatch_uid=uid)


@pytest.fixture
def loggers_alone():
    """A worker in this process leaves the loggers of all tests as they are."""

    def set_up_nothing(**_):
        """A receiver of this signal sets up logging, and Celery then doesn't."""

    setup_logging.connect(set_up_nothing, weak=False)
    yield
    setup_logging.disconnect(set_up_nothing)


@pytest.fixture
def lines(tmp_path, monkeypatch):
    """The records of this process."""
    path = tmp_path / "runs.ndjson"
    monkeypatch.setattr(settings, "_configured", {})
    monkeypatch.setattr(settings, "_settings", None)
    configure(log=str(path))
    return partial(read_events, path)


@pytest.fixture
def command(redis, redis_server, tmp_path):
    """Runs Python or a Celery worker in the test's folder, with the tasks of the outcome matrix."""
    environ = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(tmp_path), str(CELERY_OUTCOMES)]),
        "CELERY_BROKER_URL": redis_server,
        "CELERY_RESULT_BACKEND": redis_server,
        "SLOWTASK_LOG": "runs.ndjson",
    }

    @contextmanager
    def worker(*arguments, app="tasks", **more):
        log = tmp_path / "worker.log"
        started = [sys.executable, "-m", "celery", "-A", app, "worker", "-c", "2", "-l", "INFO", *arguments]
        with log.open("wb") as output:
            process = subprocess.Popen(
                started,
                cwd=tmp_path,
                env=environ | more,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            wait_until(lambda: b" ready." in log.read_bytes() or process.poll() is not None)
            yield log
        finally:
            process.send_signal(signal.SIGQUIT)  # whatever still runs
            process.wait(PATIENCE)

    def python(script):
        done = subprocess.run(
            [sys.executable, "-c", script],
            cwd=tmp_path,
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def records():
        return read_events(tmp_path / "runs.ndjson")

    return SimpleNamespace(worker=worker, python=python, records=records)


RUN = f"import tasks; print([tasks.finishes.delay().get(timeout={PATIENCE}) for _ in range(3)])"


@pytest.mark.parametrize("environment", TROUBLES.values(), ids=TROUBLES)
@pytest.mark.parametrize("pool", ["prefork", "threads"])
def test_trouble_costs_the_task_nothing_and_is_warned_of_once(command, pool, environment):
    with command.worker("-P", pool, **environment) as log:
        output = command.python(RUN)

    assert output.strip() == str(["done"] * 3)
    assert log.read_text().count("slowtask: ") == 1


def test_broken_hooks_cost_the_task_nothing(command, tmp_path):
    """Whichever function of slowtask's raises, wherever Celery calls it."""
    (tmp_path / "broken.py").write_text(
        "from slowtask import record\n"
        "from slowtask.celery import attempt, death, facts, heartbeat\n"
        "def fails(*_, **__):\n    raise ZeroDivisionError\n"
        "record.run = record.write = facts.wait = facts.attempt_key = fails\n"
        "heartbeat.event_fields = death.write = fails\n"
        "from tasks import app\n"
    )
    with command.worker(app="broken", SLOWTASK_LOG="off") as log:
        output = command.python(RUN)
        command.python("import tasks; tasks.overruns.delay(); tasks.finishes.apply_async(expires=-1)")
        wait_until(lambda: "Hard time limit" in log.read_text())
        # Celery says so before it kills the process; a shutdown in between would leave it to end by itself.
        wait_until(lambda: "exited with 'signal 9" in log.read_text())

    assert output.strip() == str(["done"] * 3)
    assert "Signal handler" not in log.read_text()
    assert log.read_text().count("slowtask: a record was lost") == 1
    assert log.read_text().count("slowtask: the monitor can't be sent") == 1


def test_a_module_among_the_imports_is_enough(command, tmp_path):
    """The app isn't changed. Without the hooks in the publisher there is no wait."""
    (tmp_path / "bare.py").write_text(
        "import os, celery\n"
        "app = celery.Celery('bare', broker=os.environ['CELERY_BROKER_URL'], backend='redis://')\n"
        "app.conf.imports = ['slowtask.celery.auto']\n"
        "@app.task\ndef simple(): pass\n"
    )
    with command.worker(app="bare"):
        command.python("import bare; bare.simple.apply_async(ignore_result=True)")
        [record] = wait_until(command.records)

    assert record["task.name"] == "bare.simple"
    assert record["event.action"] == "finished"
    assert "task.wait" not in record


def test_importing_the_hooks_installs_nothing():
    script = "import slowtask.celery, celery.signals as s; print(len(s.task_prerun.receivers))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "0"


def test_installing_twice_leaves_one_record(app, lines, loggers_alone):
    slowtask.celery.install(app)

    @app.task(name="once")
    def once():
        """Ends well."""

    with start_worker(app, perform_ping_check=False, pool="solo"):
        once.delay()
        wait_until(lines)

    [record] = lines()
    assert record["task.name"] == "once"
    assert record["task.wait"] > 0


def test_a_task_run_where_it_is_called_has_neither_queue_nor_worker(app, lines):
    @app.task(name="eager")
    def eager():
        """Ends well."""

    eager.apply()

    [record] = lines()
    assert record["event.action"] == "finished"
    assert not record.keys() & {"queue.name", "worker.name", "task.wait"}


def test_a_labels_callback_is_given_the_request(app, lines):
    configure(labels=lambda request: {"tenant": request.kwargs["tenant"], "id": request.id})

    @app.task(name="labelled")
    def labelled(tenant):
        """Ends well."""

    result = labelled.apply(kwargs={"tenant": "acme"})

    [record] = lines()
    assert record["labels"] == {"tenant": "acme", "id": result.id}


def test_what_runs_and_what_waits_goes_out_with_the_heartbeat(command, app):
    """As one event, which Celery's own tools take for a heartbeat."""
    received, state = [], State()
    with command.worker("-n", "celery@news"), app.connection() as connection:
        command.python("import tasks; [tasks.waits.delay() for _ in range(4)]")
        receiver = app.events.Receiver(connection, handlers={"*": received.append})

        def busy():
            with suppress(TimeoutError):
                receiver.capture(limit=None, timeout=0.5, wakeup=False)
            ours = (each for each in received if each["type"] == "worker-slowtask")
            return next((each for each in ours if len(each["running"]) == 2 and each["waiting"]), None)

        event = wait_until(busy)
        state.event(event)
        assert state.workers["celery@news"].alive

    assert event["hostname"] == "celery@news"
    assert (event["pool"], event["concurrency"], event["queues"]) == ("prefork", 2, ["default", "other"])
    assert event["waiting"] == [["tasks.waits", "default", 2]]
    assert {each["name"] for each in event["running"]} == {"tasks.waits"}
    assert {each["queue"] for each in event["running"]} == {"default"}
    assert all(
        0 <= event["timestamp"] - each["since"] < PATIENCE and each["pid"] for each in event["running"]
    )


class Own(Request):
    """A request class of the user's own."""


def test_a_request_class_of_the_users_own_stays_in_use(app):
    @app.task(name="with own", Request=Own)
    def with_own():
        """Ends well."""

    replace_request_classes(app)
    replace_request_classes(app)

    assert issubclass(with_own.Request, Own)
    assert [each for each in with_own.Request.__mro__ if each is RecordingRequest] == [RecordingRequest]


# What is read from a request


def request(**fields):
    return Context({"id": "1", "retries": 0} | fields)


def published(seconds):
    return {facts.PUBLISHED_HEADER: (NOW - timedelta(seconds=seconds)).timestamp()}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (published(2), 2.0),
        (published(2) | {"eta": (NOW - timedelta(seconds=0.5)).isoformat()}, 0.5),
        (published(2) | {"eta": "2026-11-24T11:59:59.500000"}, 0.5),
        (published(2) | {"eta": "2026-11-24T11:00:00+00:00"}, 2.0),
        (published(2) | {"eta": "soon"}, 2.0),
        (published(-5), 0.0),
        ({}, None),
        ({facts.PUBLISHED_HEADER: "yesterday"}, None),
        ({facts.PUBLISHED_HEADER: True}, None),
        ({facts.PUBLISHED_HEADER: float("nan")}, None),
        ({facts.PUBLISHED_HEADER: float("-inf")}, None),
        ({facts.PUBLISHED_HEADER: -1e300}, None),
        ({facts.PUBLISHED_HEADER: 10**400}, None),
    ],
    ids=[
        "published",
        "eta",
        "naive eta",
        "early eta",
        "no eta",
        "clocks",
        "no header",
        "text",
        "a switch",
        "no number",
        "endless",
        "long ago",
        "far off",
    ],
)
def test_the_wait_is_from_publishing_or_from_the_eta(fields, expected):
    waited = facts.wait(request(**fields), NOW)

    assert waited is None if expected is None else abs(waited - expected * 1e9) < 1000


@pytest.mark.parametrize(("retries", "expected"), [(0, 1), (None, 1), (2, 3), (-7, 1), (10**9, 32767)])
def test_the_number_of_an_attempt_fits_its_field(retries, expected):
    assert facts.attempt_number(request(retries=retries)) == expected


def test_a_retry_notes_when_it_was_published_itself():
    headers = {facts.PUBLISHED_HEADER: 1.0, facts.QUEUE_HEADER: "old"}
    hooks.note_publishing(headers=headers, properties={}, routing_key="default")

    assert headers[facts.PUBLISHED_HEADER] > 1e9
    assert facts.QUEUE_HEADER not in headers


def test_a_timestamp_of_the_publishers_own_is_kept():
    properties = {"timestamp": 7}
    hooks.note_publishing(headers={}, properties=properties)

    assert properties == {"timestamp": 7}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({facts.QUEUE_HEADER: "named"}, "named"),
        ({"delivery_info": {"exchange": "", "routing_key": "direct"}}, "direct"),
        ({"delivery_info": {"exchange": "work", "routing_key": "by.one"}}, "one"),
        ({"delivery_info": {"exchange": "work", "routing_key": "by.both"}}, "by.both"),
        ({"delivery_info": {"exchange": "other", "routing_key": "by.one"}}, "by.one"),
        ({"delivery_info": None}, None),
        ({"delivery_info": {"exchange": "work", "routing_key": "by.one"}, "is_eager": True}, None),
    ],
    ids=["header", "default exchange", "bound", "bound twice", "not bound", "none", "eager"],
)
def test_the_queue_comes_from_the_publishers_header_or_from_the_bindings(app, fields, expected):
    work = Exchange("work")
    app.conf.task_queues = [
        Queue("one", work, routing_key="by.one"),
        Queue("two", work, routing_key="by.both"),
        Queue("three", work, routing_key="by.both"),
    ]

    assert facts.queue_name(request(**fields), app) == expected


def test_one_attempt_has_one_id_and_another_delivery_another():
    requests = [
        request(hostname=host, retries=count) for host in ("celery@a", "celery@b") for count in (0, 1)
    ]
    ids = [facts.event_id(facts.attempt_key(each), each, 7, 8) for each in requests]

    assert len(set(ids)) == 4
    assert (
        facts.event_id(facts.attempt_key(requests[0]), request(hostname="celery@a", retries=0), 7, 8)
        == ids[0]
    )
