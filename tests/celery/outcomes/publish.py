"""`publish.py CASE…` publishes the tasks of the cases, and revokes those that are to be revoked.

Prints the ids of each case's tasks as JSON, `{case: [id, …]}`. A worker runs meanwhile.
"""

import json
import sys
import time

import tasks

TIMEOUT = 120  #: seconds


def ids(result):
    """The ids of all tasks of a chain, a group or a single one."""
    own = [result.id] if not hasattr(result, "results") else [each.id for each in result.results]
    return [*(ids(result.parent) if getattr(result, "parent", None) else []), *own]


def await_start():
    end = time.monotonic() + TIMEOUT
    while not tasks.STARTED.exists() and time.monotonic() < end:
        time.sleep(0.02)


def revoked_waiting():
    """Revoked before it is due: where the worker hears of it too late, another that is due later."""
    countdown = 2
    while True:
        due = time.monotonic() + countdown
        result = tasks.finishes.apply_async(countdown=countdown)
        tasks.app.control.revoke(result.id, reply=True, limit=1, timeout=TIMEOUT)
        if time.monotonic() < due:
            return result
        countdown *= 2


def revoked_running():
    """Terminated while it runs."""
    result = tasks.waits.apply_async()
    await_start()
    tasks.app.control.revoke(result.id, terminate=True)
    return result


CASES = {
    "finished": lambda: tasks.finishes.apply_async(),
    "bind=True": lambda: tasks.finishes_bound.apply_async(),
    "named by hand": lambda: tasks.named.apply_async(),
    "custom class": lambda: tasks.finishes_custom.apply_async(),
    "raised": lambda: tasks.raises.apply_async(),
    "soft time limit": lambda: tasks.overruns_softly.apply_async(),
    "hard time limit": lambda: tasks.overruns.apply_async(),
    "retried": lambda: tasks.retries.apply_async(),
    "retried later": lambda: tasks.retries_later.apply_async(),
    "autoretry": lambda: tasks.retries_by_itself.apply_async(),
    "killed": lambda: tasks.is_killed.apply_async(),
    "killed, redelivered": lambda: tasks.is_killed_once.apply_async(),
    "killed at exit": lambda: tasks.is_killed_late.apply_async(),
    "exited": lambda: tasks.exits.apply_async(),
    "Reject": lambda: tasks.rejects.apply_async(),
    "Reject, requeued": lambda: tasks.rejects_once.apply_async(),
    "Ignore": lambda: tasks.ignores.apply_async(),
    "wrong arguments": lambda: tasks.app.send_task("tasks.finishes", args=[1, 2, 3]),
    "unknown task": lambda: tasks.app.send_task("no.such.task"),
    "expired": lambda: tasks.finishes.apply_async(countdown=2, expires=1),
    "revoked, waiting": revoked_waiting,
    "revoked, running": revoked_running,
    "countdown": lambda: tasks.finishes.apply_async(countdown=2),
    "chain": tasks.chained,
    "group": tasks.grouped,
    "chord": tasks.chorded,
    "eager": lambda: tasks.calls_eagerly.apply_async(),
    "task_always_eager": lambda: tasks.finishes.apply(),
    "another queue": lambda: tasks.finishes.apply_async(queue="other"),
    "acks_late": lambda: tasks.finishes_late.apply_async(),
    "waits": lambda: tasks.waits.apply_async(),
}

if __name__ == "__main__":
    print(json.dumps({case: ids(CASES[case]()) for case in sys.argv[1:]}))
