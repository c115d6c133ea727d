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
JOBS = [f"519088f5-90fb-4d11-9c1c-aaf75e8766e{number}" for number in range(9)]
NOW = "2026-11-23T18:48:36.393Z"
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
        "run behind a head": [f"2026-11-23 18:48:36 INFO {whole}"],
        "run behind NUL bytes": ["\0\0\0" + whole],
        "JSON of another": ['{"a": 1}'],
        "event of another": [event(**{"event.dataset": "slowtask.other"})],
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
        "RQ success of RQ 0.5": [BEGUN.format("k12"), "18:48:02 Job OK, result = 'x'"],
        "RQ failure of RQ 0.13": [
            "18:48:00 default: jobs.k13() (k13)",
            f"18:48:02 {TRACEBACK}",
            "18:48:02 Moving job to 'failed' queue",
        ],
        "RQ kill of RQ 1": [
            "18:48:00 default: jobs.k14() (k14)",
            f"18:48:02 Moving job to FailedJobRegistry {horse}",
        ],
        "RQ stop of RQ 1": ["18:48:00 default: jobs.k15() (k15)", "18:48:02 Job stopped by user"],
        "RQ failure of RQ 1": [
            "18:48:00 default: Say hello (k16)",
            f"18:48:02 [Job k16]: exception raised while executing (jobs.k16)\n{TRACEBACK}",
        ],
        "RQ, named later": [
            "18:48:00 default: k17",
            "18:48:01 job.func_name=jobs.k17 job.id=k17",
            "18:48:02 default: Job OK (k17)",
        ],
        "RQ, torn": ["2026-11-23 18:48:00 default: jobs.k18(1,"],
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
        "Celery kill": [
            CELERY.replace("INFO", "WARNING") + f"tasks.k[{JOBS[0]}]: half done",
            CELERY + "Process 'ForkPoolWorker-1' pid:71 exited with 'signal 9 (SIGKILL)'",
        ],
        "Celery kill by number": [
            CELERY + f"Task accepted: tasks.k[{JOBS[1]}] pid:72",
            CELERY + "Process 'ForkPoolWorker-2' pid:72 exited with 'exitcode 3'",
        ],
        "Celery kill of nobody": [
            CELERY + "Process 'ForkPoolWorker-3' pid:73 exited with 'signal 9 (SIGKILL)'",
            CELERY + "celery@host ready.",
        ],
        "Celery, torn": [CELERY + "Task tasks.a[c14-"],
        "Celery, cold": ["worker: Cold shutdown (MainProcess)"],
        "Celery chatter": [CELERY + "celery@host ready."],
        "stranger with a bracket": ["[2026-11-23 broken"],
    }  # fmt: skip


def carried():
    """Lines in wrappers, behind heads of other formats, and in JSON of other programs."""
    failed = f"Task tasks.w[w1] raised unexpected: ValueError('no')\n{TRACEBACK}"
    return {
        "Compose": [f"worker-1  | {CELERY}Task tasks.w[w0] succeeded in 0.1s: 'x'"],
        "Compose, a failure": ["\n".join(f"worker-1  | {each}" for each in (CELERY + failed).split("\n"))],
        "Kubernetes": [f"{NOW} stdout F {CELERY}Task tasks.w[w2] succeeded in 0.1s: 'x'"],
        "Kubernetes, in two parts": [
            f"{NOW} stdout P {CELERY}Task tasks.w[w3] succe",
            f"{NOW} stdout F eded in 0.1s: 'x'",
        ],
        "syslog": [
            f"Nov 23 18:48:00 host rq[12]: default: jobs.w4() ({JOBS[2]})",
            f"Nov 23 18:48:01 host rq[12]: default: Job OK ({JOBS[2]})",
        ],
        "docker logs -t": [f"{NOW} {CELERY}Task tasks.w[w5] ignored"],
        "JSON around a line": [json.dumps({"log": f"{CELERY}Task tasks.w[w6] ignored\n", "time": NOW})],
        "JSON with a sentence": [json.dumps({"msg": "Task tasks.w[w7] ignored", "lvl": "INFO", "time": NOW})],
        "JSON with fields": [
            json.dumps({"event": name, "task_id": "w8", "task": "tasks.w", "timestamp": NOW})
            for name in ("task_started", "task_succeeded")
        ],
        "structlog": ["2026-11-23 18:48:36 [info     ] task_failed  [x] task_id=w9 task=tasks.w error='no'"],
        "head of its own": ["2026-11-23 18:48:36 | INFO | x:y:12 - Task tasks.w[w10] succeeded in 1s: None"],
        "head without a time": [f"INFO:rq.worker:default: Job OK ({JOBS[3]})"],
        "no such time": ["2026-13-45 18:48:36 INFO Task tasks.w[w11] succeeded in 1s: None"],
        "may tell of a run": ["it says: Job OK of somebody"],
        "head of another program": ["2026-11-23 18:48:36 INFO gunicorn.access: GET / 200"],
        "JSON with words": ['{"event": "task_succeeded"}'],
    }  # fmt: skip


def others():
    """The text format, and what is no line of a run."""
    return {
        "text": [TEXT + "1.5"],
        "text without a number": [TEXT + "nan"],
        "text, malformed": [TEXT.removesuffix("Task-time: ")],
        "stranger": ["what is this"],
        "binary": ["a\x01b\0c"],
        "banner": [" -------------- celery@host v5.4.0"],
        "blank": [""],
        "too long": ["x" * 70_000],
    }


def kinds():
    """All of them, by name."""
    return of_ours() | of_rq() | of_celery() | carried() | others()
