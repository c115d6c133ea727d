r"""Lines that must be peeled: `lines()` gives each once.

They stand in wrappers, behind heads of many formats, or in JSON of other programs, or need another line.
What `slowtask parse` makes of them is right by tests/parse/; here the filter must agree.
"""

import json

from pipeline.odd import CELERY, CHAIN

JOB, OTHER = "519088f5-90fb-4d11-9c1c-aaf75e8766ed", "3f98e277-4cbd-47ad-9c90-a9587403e430"
DONE = f"Task tasks.a[{JOB}] succeeded in 0.1s: 'x'"
PARENT = CELERY.replace("ForkPoolWorker-1", "MainProcess")
LOST = "WorkerLostError('Worker exited prematurely: signal 9 (SIGKILL).')"
NOW = "2026-11-23T18:48:37Z"

#: Heads in many formats, some with a time that doesn't exist; a sentence follows.
HEADS = [
    "2026-11-23 18:48:36,393 INFO celery.app.trace: ",
    "2026-11-23 18:48:36.393 | INFO     | x.y:page:34 - ",
    "[2026-11-23 18:48:36] [INFO] [celery.app.trace] ",
    "\x1b[36m2026-11-23 18:48:36\x1b[0m \x1b[1mINFO\x1b[0m ",
    "INFO 2026-11-23T18:48:36Z x ",
    "2026-11-23 18:48:36 +2500 ",
    "2026-11-23 18:48:61 ",
    "2026-13-45 18:48:36 ",
    "20261123 18:48:36 ",
    "20262311 18:48:36 ",
    "23.11.2026 18:48:36,500 ",
    "29.02.2026 18:48:36 ",
    "23/Nov/2026:18:48:36 +0100 ",
    "Mon Nov 23 18:48:36 2026 ",
    "23 Nov 2026 18:48:36 ",
    "Nov 23 18:48:36 ",
    "Feb 30 18:48:36 ",
    "1795459716.393 [INFO] ",
    "1795459716393 ",
    "02:05:42 PM ",
    "12:00:00 AM ",
    "18:48:36 INFO ",
    "18:48:36.5 ",
    "time=2026-11-23T18:48:36Z level=info msg=",
    "RQ LOGS @ 2026-11-23 18:48:36 ",
    "INFO:celery.app.trace:",
    "[INFO] ",
    "[info     ] ",
    "say: ",
    "something that is said before it ",
    "- ",
]
#: What carries a line, in which `%s` stands for it.
WRAPPERS = [
    "worker-1  | %s",
    "\x1b[36mworker-1  | \x1b[0m%s",
    f"worker-1  | {NOW} %s",
    "18:47:58 worker.1   | %s",
    "0|worker   | %s",
    "worker stdout | %s",
    "2026-11-23T18:48:37.123456789Z stdout F %s",
    "2026-11-23T18:48:37.123456Z %s",
    "2026-02-30T00:00:00Z %s",
    "2026-11-23T18:48:37+01:00 app[worker.1]: %s",
    "2026-11-23T18:48:37+01:00 host celery: %s",
    f"{NOW} app[148e21] lhr [info] %s",
    f"{NOW} ecs/worker/0123456789abcdef %s",
    "Nov 23 18:48:37 host celery[1603]: %s",
    "Feb 30 18:48:37 host celery[1603]: %s",
    "<13>Nov 23 18:48:37 host celery: %s",
    "Nov 23 18:48:37 shop app/worker.1 %s",
    "Nov 23 06:48:37 PM  %s",
    "1795459717.123456 host celery[1603]: %s",
    f'83 <40>1 {NOW} host app worker.3 - [a b="c"] %s',
    "[pod/worker-6d4cf56db6-abcde/worker] %s",
    "worker-6d4cf56db6-abcde worker %s",
    "worker.log:12:%s",
    "  12\t%s",
    "> %s",
]
#: JSON of other programs: a line or a sentence in a field, a run in fields, and none of them.
FOREIGN = [
    {"log": "%s\n", "stream": "stdout", "time": "2026-11-23T18:48:37.123456789Z"},
    {"message": "%s", "level": "INFO", "logger": "celery.app.trace", "timestamp": 1795459717.5},
    {"message": "%s", "levelname": "INFO", "processName": "P1", "created": 1795459717123},
    {"@timestamp": NOW, "message": "%s", "host": {"name": "h"}, "container": {"name": "c"}},
    {"MESSAGE": "%s", "__REALTIME_TIMESTAMP": "1795459717123456", "_HOSTNAME": "h"},
    {"MESSAGE": [84, 97, 115, 107], "__REALTIME_TIMESTAMP": "1795459717123456"},
    {"textPayload": "%s", "resource": {"labels": {"pod_name": "p"}}, "timestamp": NOW},
    {"event": "%s", "timestamp": "no time"},
    {"event": "%s", "level": "info"},
    {"message": "Task tasks.f[f1] raised unexpected: ValueError('no')", "exc_info": CHAIN, "time": NOW},
    {"event": "task_started", "task_id": "s1", "task": "tasks.s", "timestamp": NOW},
    {"event": "task_succeeded", "task_id": "s1", "timestamp": "2026-11-23T18:48:39.5Z"},
    {"event": "task_failed", "task_id": "s2", "task": "tasks.s", "error": "a\nb", "timestamp": NOW},
    {"event": "task_succeeded", "task_id": "s3", "task": "tasks.s", "duration_ms": 12.5, "timestamp": NOW},
    {"event": "task_succeeded", "task_id": "s4", "timestamp": 1795459717},
    {"event": "task_retrying", "task": "tasks.s"},
    {"celeryTaskName": "tasks.c", "celeryTaskId": "c1", "celeryTaskRuntime": 0.129, "timestamp": NOW},
    {"celeryTaskName": "tasks.c", "celeryTaskId": "c2", "celeryTaskRuntime": -1, "timestamp": NOW},
    {"task": "tasks.c", "task_id": "c3", "level": "ERROR", "exc_info": "X: y", "time": NOW},
    {"message": "hello", "level": "INFO"},
    {"message": 5},
    {"a": {"b": {"c": "d"}}},
]
#: Sentences that another line completes, or that are rare.
RARE = [
    CELERY.replace("-1]", "-7]") + f"tasks.k[{OTHER}]: half done",
    PARENT + "Process 'ForkPoolWorker-7' pid:71 exited with 'signal 9 (SIGKILL)'",
    PARENT + f"Task handler raised error: {LOST}",
    PARENT + f"Task accepted: tasks.k[{OTHER[:-1]}1] pid:72",
    PARENT + "Process 'ForkPoolWorker-8' pid:72 exited with 'exitcode 3'",
    PARENT + "Process 'ForkPoolWorker-9' pid:73 exited with 'signal 9 (SIGKILL)'",
    PARENT + f"Got task from broker: tasks.k[{OTHER}]",
    CELERY + DONE,
    CELERY.replace("393", "401") + DONE,
    CELERY.replace(":36", ":39") + DONE,
    CELERY + "Task tasks.t[519088f5-90fb-4d11-\n9c1c-aaf75e8766ed] succeeded in 0.5s: 1",
    CELERY + "Task tasks.t[519088f5-90fb-4d11-",
    CELERY + DONE + CELERY + "Task tasks.g[g1] succeeded in 1s: None",
    "worker: Cold shutdown (MainProcess)",
    "2026-11-23 18:48:36 [info     ] task_started   [x] task_id=k1 task='tasks.k'",
    "2026-11-23 18:48:37 [info     ] task_succeeded [x] task_id=k1",
    "task_succeeded task_id=k2 task=tasks.k",
    f"what a task prints {DONE}",
    f"2026-11-23 18:48:36 hello 2026-11-23 18:48:37 [INFO] {DONE}",
    f"{NOW} stdout P Task tasks.p[519088f5-90fb-4d11-",
    f"{NOW} stderr F hello",
    f"{NOW} stdout F 9c1c-aaf75e8766ed] succeeded in 0.25s: None",
    f"worker-2  | 18:48:36 default: jobs.w() ({OTHER})",
    f"worker-2  | 18:48:38 [Job {OTHER}]: exception raised while executing (jobs.w)\n"
    + "\n".join(f"worker-2  | {each}" for each in CHAIN.split("\n")),
    "worker-3  | Traceback (most recent call last):",
    "hello18:48:39 default: Job OK (w3)",
]


def lines():
    """All of them."""
    yield from RARE
    yield from (f"{head}{DONE}" for head in HEADS)
    for number, wrapper in enumerate(WRAPPERS):
        job = f"519088f5-90fb-4d11-9c1c-{number:012}"
        yield wrapper % (CELERY + DONE)
        yield wrapper % f"18:48:36 default: jobs.w{number}() ({job})"
        yield wrapper % f"18:48:38 default: Job OK ({job})"
        yield wrapper % "  what a task prints"
    for record in FOREIGN:
        yield from (json.dumps(record).replace("%s", sentence) for sentence in (CELERY + DONE, DONE))
