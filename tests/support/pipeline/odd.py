r"""Lines that are hard to read right: `lines()` gives each once, a traceback with the line it belongs to.

What `slowtask parse` makes of them is right by tests/parse/test_parse.py; here the filter
must agree.
"""

import json

from documents import nested
from logs import line, made

EVENT = json.loads(line(made(task="jobs.a", took=1.5)))
TEXT = "Time: 2021-01-13 10:03:59,202 Task: jobs.a Task-time: "
CELERY = "[2026-11-23 18:48:36,393: INFO/ForkPoolWorker-1] "

TIMES = [
    "2026-11-23T18:47:58Z", "2026-11-23T18:47:58.5Z", "2026-11-23T18:47:58.145554321Z", "2026-11-23T18:47Z",
    "2026-11-23T18:47:58.9999999Z", "2026-11-23 18:47:58Z", "2026-11-23t18:47:58z", "2026-11-23T18:47:58,5Z",
    "2026-11-23T18:47:58+02:00", "2026-11-23T18:47:58+0200", "2026-11-23T18:47:58", "2026-02-30T00:00:00Z",
    "2026-11-23T24:00:00Z", "2026-11-23T23:59:60Z", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00+10:00",
    "9999-12-31T23:59:59-10:00", "x", "2026-11-23T18:47:58.Z", "2026-11-23T18:47:58+25:00",
    "2026-11-23T18:47:58-00:00", "2026-11-23T18:47:58.1234565Z", "2026-11-23T18:47:58.1234575Z",
]  # fmt: skip
VALUES = [
    5, 5.0, 5.5, -1, 2**63 - 1, 2**63, 2**64, 1e3, True, "5", None, [], {}, {"x": 1}, 0, -0.0, float("inf"),
]  # fmt: skip
FIELDS = [
    "event.duration", "task.attempt", "task.memory", "task.name", "event.outcome", "labels", "queue.system",
    "event.id", "error.message",
]  # fmt: skip
OTHERS = [
    {"task.attempt": 1}, {"task.attempt": 32767}, {"task.attempt": 32768}, {"task.attempt": 0},
    {"labels": {"a": "b"}}, {"labels": {"a": 1}}, {"labels": {"a-b": "c", "x[y]": "z"}},
    {"labels.a": "b", "labels.c": "d"}, {"labels": {"a": "b"}, "labels.c": "d"},
    {"labels": {"a": {"b": "c"}}}, {"event.dataset": "slowtask.other"}, {"event.dataset": 5},
    {"event.action": "exploded"},
    {"queue.system": ""}, {"queue.system": "é" * 64}, {"queue.system": "x" * 65},
    {"stranger": "x"}, {"task.name": "émoji 💥 \u2028 x"}, {"task.name": ""},
    {"task.name": "a\0b"},
]  # fmt: skip
SECONDS = [
    "1", "1.", "0.5", ".5", "1e-5", "1.2e-05", "1E3", "+2", "-1", "-0", "-0.0", "nan", "inf", "-inf",
    "Infinity", "1e400", "9223372036.854775807", "9223372036.854775808", "9223372036.9", "1e-400",
    "0.0000000005", "0.00000000049999", "1.0000000005", "2.0000000015", "1" * 70, "1_000", "0x10", "1,5",
    "1 ", "1\r", "", "1e999999999", "1e-999999999", "-1e-999999999", "0e999999999", "5e-10",
]  # fmt: skip
MOMENTS = [
    "2021-01-13T10:03:59.202", "2021-01-13 10:03:59", "2021-01-13 10:03:59.123456789",
    "2021-02-30 10:03:59,202", "2021-13-01 10:03:59,202", "2021-01-13 25:03:59,202",
    "2021-01-13 10:03:59,202Z", "2021-01-13 10:03:59,202+01:00", "2021-01-13 10:03:59,202+0130",
    "2021-01-13 10:03:59,202+99:00", "0000-01-13 10:03:59,202", "0001-01-01 00:00:00+01:00",
    "2021-01-13 10:03:60,202", "2021-01-13 10:03:59,", "2021-01-13 24:00:00", "2021-01-13 10:03:59,1",
    "2021-01-13 10:03:59,9999999",
]  # fmt: skip
CHAIN = """Traceback (most recent call last):
  File "x", line 1
    foo()
ValueError: a

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "y"
foo.Bar: b: c"""
TOLD_BY_CELERY = [
    "Task tasks.a[id-1] succeeded in 0.1s: 'x'", "Task tasks.a[id-1] succeeded in 1e-05s: None",
    "Task tasks.a[id-1] succeeded in -1s: None", "Task tasks.a[id-1] succeeded in 0.1s: 'x'\nmore\n{'a': 1}",
    "Task tasks.a[id-1] raised unexpected: ValueError('x')", "Task tasks.a[id-1] raised expected: a.b.Err()",
    "Task tasks.a[id-1] raised unexpected: weird",
    "Task tasks.a[id-1] raised unexpected: SoftTimeLimitExceeded()",
    "Task tasks.a[id-1] retry: Retry in 0.2s: KeyError('x')", "Task tasks.a[id-1] retry: Retry in 180s",
    "Task tasks.a[id-1] ignored", "Task tasks.a[id-1] rejected", "Task tasks.a[id-1] received",
    "Task tasks.a[id-1] INTERNAL ERROR: ValueError('x')",
    "Task Send reports[my own id] succeeded in 1s: None",
    "Task tasks.a[id-1] reject requeue=True: why", "Task tasks.a[id-1] reject requeue=False: why",
    "Task tasks.a[id-1] reject requeue=None: why", "Task handler raised error: TimeLimitExceeded(1)",
    "Task handler raised error: WorkerLostError('Worker exited prematurely: signal 9 (SIGKILL) Job: 3.')",
    "Task handler raised error: <MaybeEncodingError: x>",
    "Task tasks.a[id-1] retry: Retry in 1s: WorkerLostError('Worker exited prematurely: exitcode 3 Job: 1.')",
    "Task tasks.a[id-1] retry: Retry in 1s: WorkerLostError('Worker went away')",
    "Task tasks.a[id-1] cannot be acknowledged after a connection loss since late",
    "Received unregistered task of type 'tasks.nothere'.", "Received unregistered task of type ''.",
    "Task tasks.stop[id-2] received", "Terminating id-2 (Signals.SIGTERM)",
    "Discarding revoked task: tasks.stop[id-2]",
    "Task tasks.stop[id-3] received", "Terminating id-3 (15)",
    "pidbox command error: NotImplementedError('x')", "Task tasks.stop[id-3] succeeded in 1s: None",
    "Discarding revoked task: tasks.stop[id-3]", "Terminating id-9 (15)", "Terminating it instead",
    "pidbox command error: NotImplementedError('x')",
    "Tasks flagged as revoked: id-4, id-5", "Discarding revoked task: tasks.stop[id-5]",
    "Discarding revoked task: tasks.stop[id-6] (revoked by header: {'a': 'b'})",
    "Discarding revoked task: tasks.stop[id-7]", "Discarding revoked task: x",
    "Task tasks.a[id-1]  ETA:[x]", "Hard time limit (1s) exceeded for tasks.slow[06f0]",
    "Hard time limit (1.5s) exceeded for tasks.slow[06f0]",
    "Soft time limit (1s) exceeded for tasks.slow[06f0]", "Connected to redis", "Task x",
    f"Task tasks.a[id-1] raised unexpected: ValueError('{'y' * 1500}')",
    f"Task tasks.a[id-1] raised unexpected: ValueError('x')\n{CHAIN}",
    'Task tasks.a[id-1] raised unexpected: X(\'x\')\nTraceback (most recent call last):\n  File "x"\nKeyboardInterrupt',  # noqa: E501
]  # fmt: skip
OF_CELERY = [
    "[2026-11-23 18:48:36,393: WARNING/MainProcess] Task tasks.a[i] raised unexpected: X('y')",
    "[2026-13-23 18:48:36,393: INFO/W] Task tasks.a[i] succeeded in 1s: 1",
    "[2026-11-23 18:48:36,393: INFO/W Task", "[2026 x", "[tasks]", "  . tasks.a",
    " -------------- celery@host v5", "--- ***** -----", "[config]", "[queues]", "worker: Warm shutdown",
    ".> app: x",
]  # fmt: skip
STRANGERS = [
    "stranger", 'Traceback (most recent call last):\n  File "x"\nValueError: x', "stranger", "", "   ",
    "Time: x", "Time: 2021-01-13 10:03:59,202 Task: a b Task-time: 1", "Time flies", "T", "Task",
    "Time: 2021-01-13 10:03:59,202 Task: jobs[x] Task-time: 1", "\0\0\0", "\0\0abc", "\x01binary\x02",
    "{}", "{", "{'a': 1}", '{"a": NaN}',
]  # fmt: skip
RQ = [
    "\x1b[32m18:47:58\x1b[39;49;00m default: jobs.a() (c-1)",
    "\x1b[32m18:47:58\x1b[39;49;00m default: Job OK (c-1)",
    "18:47:58 \x1b[32mdefault\x1b[39m: jobs.b() (c-2)", "18:47:59 default: Job OK (c-2)",
    "18:47:58 default: jobs.a(1, x='y') (i1)",
    "18:47:59 Successfully completed jobs.a(1, x='y') job in 0:00:00.5s on worker w1",
    "18:47:59 default: Job OK (i1)", "18:47:59 Result is kept for 500 seconds",
    "18:48:00 Worker w2: default: jobs.b() (i2)", "18:48:00 Worker w3: high: jobs.c() (i3)",
    "18:48:01 Successfully completed jobs.b() job in 1 day, 2:03:04.5s on worker w2",
    ("18:48:02 Worker w3: job i3: exception raised while executing (jobs.c)\n"
    'Traceback (most recent call last):\n  File "x"\n    y\nfoo.BarError: bad\n'),
    "18:48:02 Worker w2: default: Job OK (i2)", "18:48:03 default: i4",
    "18:48:04 Successfully completed job i4 in 0:00:01s on worker w4",
    "18:48:04 default: Say hello (you) (i5)",
    "18:48:05 Successfully completed Say hello (you) job in 0:00:01s on worker w4",
    "18:48:05 default: jobs.k() (i6)",
    ("18:48:06 Moving job to FailedJobRegistry"
    " (Work-horse terminated unexpectedly; waitpid returned 9 (signal 9); )"),
    "18:48:06 Worker w5: default: jobs.k() (i7)",
    ("18:48:07 Worker w5: moving job i7 to FailedJobRegistry"
    " (Work-horse terminated unexpectedly; waitpid returned 768; )"),
    "18:48:07 Worker w5: default: jobs.k() (i8)",
    "18:48:08 Worker w5: job i8 failed (Work-horse terminated unexpectedly; waitpid returned None (signal 11); )",  # noqa: E501
    "18:48:08 Worker w5: default: jobs.s() (i9)",
    "18:48:09 Worker w5: job i9 stopped by user, moving job to FailedJobRegistry",
    "18:48:09 default: jobs.s() (i10)", "18:48:09 Job stopped by user, moving job to FailedJobRegistry",
    "18:48:10 default: jobs.r() (i11)", "18:48:10 Job i11: enqueued for retry, 2 remaining",
    "18:48:11 default: jobs.r() (i12)", "18:48:11 Worker w5: job i12 has exceeded maximum retry attempts (3)",
    "18:48:11 default: jobs.ab() (i13)", "18:48:12 StartedJobRegistry cleanup: i13 due to AbandonedJobError",
    "18:48:12 StartedJobRegistry cleanup: i99 due to AbandonedJobError",
    "18:48:12 Job i98: enqueued for retry, 2 remaining",
    "18:48:12 Job stopped by user, moving job to FailedJobRegistry", "18:48:13 default: Job OK (i77)",
    "18:48:13 [Job i78]: exception raised while executing (jobs.old)",
    "18:48:13 Worker w1: job i79: exception raised while executing (<unknown>)",
    "18:48:14 default: jobs.x() (dup)", "18:48:15 default: jobs.x() (dup)", "18:48:16 default: Job OK (dup)",
    "18:48:17 Successfully completed jobs.a() job in 0:00:xs on worker w1", "18:48:17 stranger thing",
    "23:59:59 default: jobs.m() (m1)", "00:00:01 default: Job OK (m1)", "24:00:00 x",
    "00:00:02 default: jobs.n() (n1)\r", "23:59:59 Worker w9: default: jobs.o() (o1)",
    "00:00:03 default: Job OK (n1)", "00:00:03 Worker w9: default: Job OK (o1)",
    "00:00:04 default: jobs.t() (t1)",
    ("00:00:05 [Job t1]: exception raised while executing (jobs.t)\n"
    'Traceback (most recent call last):\n  File "x"\n'
    "rq.timeouts.JobTimeoutException: Task exceeded maximum timeout value (1 seconds)\n\n"),
    "StartedJobRegistry cleanup: Moving job to FailedJobRegistry", "00:00:06 Killed horse pid 5",
    "00:00:06 default: a(b) (c) (d)", "00:00:07 default: Job OK (d)",
]  # fmt: skip


def event(**changes):
    """A line of ours with *changes*; a field that is changed to `...` is left out."""
    record = {name: value for name, value in (EVENT | changes).items() if value is not ...}
    return json.dumps(record, ensure_ascii=False)


def of_ours():
    """JSON lines: values of all kinds, nested, torn, glued."""
    yield event()
    for time in TIMES:
        yield from (event(**{name: time}) for name in ("@timestamp", "event.start"))
    for value in VALUES:
        yield from (event(**{name: value}) for name in FIELDS)
    yield from (event(**each) for each in OTHERS)
    needed = ("event.dataset", "task.name", "event.id", "@timestamp", "event.outcome")
    yield from (event(**{name: ...}) for name in needed)
    yield json.dumps(nested(EVENT))
    yield json.dumps({"_source": nested(EVENT), "_id": "x"})
    yield json.dumps({"_source": 5} | EVENT)
    yield json.dumps([EVENT])
    yield json.dumps(nested(EVENT | {"labels.tenant": "acme"}))
    yield json.dumps(nested(EVENT) | {"host": {"name": {"deep": "er"}}})
    whole = event()
    yield from (whole + " trailing", whole + whole, whole[:60] + whole, whole[:200], "garbage " + whole)
    yield from ("x" + whole + whole[:40], whole[:40] + whole[:50] + whole, whole + "\0\0", "\0\0\0" + whole)
    yield from ("\ufeff" + whole, "  " + whole, whole + "\r", whole + "  ")


def long():
    """Lines longer than anything we write."""
    yield from ("x" * 70_000, "18:48:17 " + "y" * 70_000, '{"a":"' + "x" * 70_000 + '"}')
    yield from ("{" + '"a":' * 200 + "1", '{"a":"' + "x" * 1_100_000 + '"}')


def lines():
    """All of them, in an order in which RQ's make sense."""
    texts = [*(TEXT + each for each in SECONDS), TEXT + "1 " + event()]
    moments = [f"Time: {each} Task: jobs.a Task-time: 1" for each in MOMENTS]
    celery = [*(CELERY + each for each in TOLD_BY_CELERY), CELERY + "x " + event()]
    return [*of_ours(), *texts, *moments, *celery, *OF_CELERY, *STRANGERS, *RQ, *long()]
