r"""Each kind of line that reaches the filter, once: a name, and the events of a log that show it.

A kind of several lines (RQ's) has a worker and jobs of its own: any two may follow each other in a log.
"""

import json

import msgspec

from documents import nested
from logs import made
from pipeline.odd import CELERY, TEXT, event
from slowtask.record import sample

BEGUN = "18:48:00 Worker {0}: default: jobs.{0}() ({0})"
DONE = "18:48:01 Successfully completed {} in {}s on worker {}"
TRACEBACK = 'Traceback (most recent call last):\n  File "x", line 1\n    y()\nValueError: no'


def of_ours():
    """JSON: runs as workers write them, samples, alerts, and what isn't quite so."""
    moment, whole = made().timestamp, event()
    queue = sample.QueueSample(
        timestamp=moment, id="1", dataset="slowtask.queue", queue="q", system="rq", depth=3, load=1.5
    )
    alert = sample.Alert(
        timestamp=moment, id="3", dataset="slowtask.alert", name="n", state="ok", message="m"
    )
    return {
        "run": [whole],
        "run with labels": [event(labels={"tenant": "a"})],
        "run, nested": [json.dumps(nested(json.loads(whole)))],
        "sample": [msgspec.json.encode(queue).decode()],
        "alert": [msgspec.json.encode(alert).decode()],
        "run with a wrong field": [event(**{"task.wait": "soon"})],
        "torn run": [whole[:200]],
        "torn run and a whole one": [whole[:60] + whole],
        "run behind NUL bytes": ["\0\0\0" + whole],
        "JSON of another": ['{"a": 1}'],
    }


def of_rq():
    """RQ's lines: every way in which a run ends."""
    horse = "(Work-horse terminated unexpectedly; waitpid returned 9 (signal 9); )"
    return {
        "RQ success": [BEGUN.format("k1"), DONE.format("jobs.k1() job", "0:00:01.5", "k1")],
        "RQ success, once more told": [
            BEGUN.format("k2"),
            DONE.format("jobs.k2() job", "0:00:01.5", "k2"),
            "18:48:01 Worker k2: default: Job OK (k2)",
        ],
        "RQ success, only its end": [DONE.format("Hi job", "1 day, 0:01:02", "k3")],
        "RQ success without a time": [BEGUN.format("k4"), "18:48:02 Worker k4: default: Job OK (k4)"],
        "RQ success by id": ["18:48:00 default: k5", DONE.format("job k5", "0:00:01", "k5")],
        "RQ failure": [
            BEGUN.format("k6"),
            f"18:48:02 Worker k6: job k6: exception raised while executing (jobs.k6)\n{TRACEBACK}",
        ],
        "RQ kill": [BEGUN.format("k7"), f"18:48:02 Worker k7: job k7 failed {horse}"],
        "RQ stop": [BEGUN.format("k8"), "18:48:02 Worker k8: job k8 stopped by user"],
        "RQ retry": [BEGUN.format("k9"), "18:48:02 Job k9: enqueued for retry, 2 remaining"],
        "RQ spent": [
            BEGUN.format("k10"), "18:48:02 Worker k10: job k10 has exceeded maximum retry attempts (3)",
        ],
        "RQ abandoned": [
            BEGUN.format("k11"), "18:48:02 StartedJobRegistry cleanup: k11 due to AbandonedJobError",
        ],
        "RQ success in no time": [DONE.format("jobs.a() job", "0:00:x", "w1")],
        "RQ chatter": ["18:48:02 Result is kept for 500 seconds"],
        "stranger with a clock": ["18:48:02 stranger thing"],
    }  # fmt: skip


def of_celery():
    """Celery's lines."""
    return {
        "Celery success": [CELERY + "Task tasks.a[c1] succeeded in 0.1s: 'x'"],
        "Celery failure": [CELERY + f"Task tasks.a[c2] raised unexpected: ValueError('no')\n{TRACEBACK}"],
        "Celery retry": [CELERY + "Task tasks.a[c3] retry: Retry in 0.2s: KeyError('x')"],
        "Celery received": [CELERY + "Task tasks.a[c4] received"],
        "Celery time limit": [CELERY + "Hard time limit (1s) exceeded for tasks.slow[c5]"],
        "Celery ignored": [CELERY + "Task tasks.a[c6] ignored"],
        "Celery reject": [CELERY + "Task tasks.a[c7] reject requeue=True: why"],
        "Celery cut": [CELERY + "Task tasks.a[c8] cannot be acknowledged after a connection loss since late"],
        "Celery lost": [
            CELERY + "Task handler raised error: WorkerLostError('Worker exited prematurely: signal 9')",
        ],
        "Celery unregistered": [CELERY + "Received unregistered task of type 'tasks.nothere'."],
        "Celery terminated": [
            CELERY + "Task tasks.stop[c9] received",
            CELERY + "Terminating c9 (Signals.SIGTERM)",
            CELERY + "Task tasks.stop[c9] received again",
        ],
        "Celery terminated in vain": [
            CELERY + "Task tasks.stop[c10] received",
            CELERY + "Terminating c10 (15)",
            CELERY + "pidbox command error: NotImplementedError('x')",
        ],
        "Celery revoked": [
            CELERY + "Tasks flagged as revoked: c11, c12",
            CELERY + "Discarding revoked task: tasks.stop[c11]",
        ],
        "Celery expired": [CELERY + "Discarding revoked task: tasks.stop[c13]"],
        "Celery chatter": [CELERY + "celery@host ready."],
        "stranger with a bracket": ["[2026-11-23 broken"],
    }  # fmt: skip


def others():
    """The text format, and what is no line of a run."""
    return {
        "text": [TEXT + "1.5"],
        "text without a number": [TEXT + "nan"],
        "text, malformed": [TEXT.removesuffix("Task-time: ")],
        "stranger": ["what is this"],
        "binary": ["a\x01b"],
        "banner": [" -------------- celery@host v5.4.0"],
        "blank": [""],
        "too long": ["x" * 70_000],
    }


def kinds():
    """All of them, by name."""
    return of_ours() | of_rq() | of_celery() | others()
