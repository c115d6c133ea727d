"""Tasks that end in every way a Celery task can."""

import os
import signal
import sys
import time
from pathlib import Path

from celery import Celery, Task, chain, chord, current_task, group, signals
from celery.exceptions import Ignore, Reject
from celery.worker import request
from kombu import Queue

import slowtask.celery

app = Celery(
    "outcomes", broker=os.environ["CELERY_BROKER_URL"], backend=os.environ.get("CELERY_RESULT_BACKEND")
)
app.conf.update(
    broker_connection_retry_on_startup=True,
    task_default_queue="default",
    task_queues=[Queue("default", routing_key="by.default"), Queue("other", routing_key="by.other")],
    task_default_routing_key="by.default",
    control_queue_expires=60,
)
slowtask.celery.install(app)

STARTED = Path("started")  #: touched when a task that waits to be disturbed runs
LONG = 120  #: seconds; longer than a busy machine takes to disturb a task

task_accepted = request.task_accepted


def sleep_long():
    """Sleep for LONG, in short steps: a signal just before a sleep would be handled only after it."""
    end = time.monotonic() + LONG
    while time.monotonic() < end:
        time.sleep(0.05)


def note_accepted(received, *args, **kwargs):
    """Do what the main process does when it knows that a pool process runs a task, and leave a file."""
    task_accepted(received, *args, **kwargs)
    Path(f"accepted {received.id}").touch()


request.task_accepted = note_accepted


@app.task
def finishes():
    """Ends well."""
    time.sleep(0.01)
    return "done"


@app.task(bind=True)
def finishes_bound(self):
    """Ends well, with access to its own request."""
    return self.request.id


@app.task(name="named by hand")
def named():
    """Ends well, under a name of its own."""


class Custom(Task):
    """A task class of the user's own, with a call of its own."""

    def __call__(self, *args, **kwargs):
        return super().__call__(*args, **kwargs)


@app.task(base=Custom)
def finishes_custom():
    """Ends well."""


@app.task
def raises():
    """Fails."""
    raise ValueError("no such user")


@app.task(soft_time_limit=1)
def overruns_softly():
    """Runs into its soft time limit."""
    sleep_long()


@app.task(time_limit=1)
def overruns():
    """Runs into its hard time limit."""
    sleep_long()


@app.task(bind=True, max_retries=1, default_retry_delay=0)
def retries(self):
    """Asks to be run again, once, and fails."""
    raise self.retry(exc=KeyError("x"))


@app.task(bind=True, max_retries=1)
def retries_later(self):
    """Asks to be run again in a second, and then ends well."""
    if not self.request.retries:
        raise self.retry(countdown=1)


@app.task(autoretry_for=(KeyError,), retry_kwargs={"max_retries": 2, "countdown": 0})
def retries_by_itself():
    """Fails thrice."""
    raise KeyError("x")


def wait_until_accepted():
    """Wait until the main process knows: before that, Celery silently gives the task to another process."""
    while not Path(f"accepted {current_task.request.id}").exists():
        time.sleep(0.01)


@app.task
def is_killed():
    """Dies as a process out of memory does, of SIGKILL."""
    wait_until_accepted()
    os.kill(os.getpid(), signal.SIGKILL)


@app.task(acks_late=True, reject_on_worker_lost=True)
def is_killed_once():
    """Dies of SIGKILL, and is delivered again."""
    mark = Path("killed once")
    if not mark.exists():
        mark.touch()
        wait_until_accepted()
        os.kill(os.getpid(), signal.SIGKILL)


@app.task
def is_killed_late():
    """Ends well, and its process dies before Celery reports that."""
    wait_until_accepted()
    signals.task_postrun.connect(die, weak=False, dispatch_uid="die")


def die(**_):
    """Kill the process, as the last of the receivers."""
    os.kill(os.getpid(), signal.SIGKILL)


@app.task(acks_late=True)
def finishes_late():
    """Ends well, and is acknowledged then."""


@app.task
def exits():
    """Ends its process."""
    wait_until_accepted()
    sys.exit(3)


@app.task
def rejects():
    """Rejects its message for good."""
    raise Reject("no", requeue=False)


@app.task(acks_late=True)
def rejects_once():
    """Rejects its message once, to get it again."""
    mark = Path("rejected once")
    if not mark.exists():
        mark.touch()
        raise Reject("not now", requeue=True)


@app.task
def ignores():
    """Ends without a state."""
    raise Ignore


@app.task
def waits():
    """Says that it runs, and waits to be disturbed."""
    STARTED.touch()
    sleep_long()


@app.task
def calls_eagerly():
    """Runs another at once, in its own process."""
    return finishes.apply().result


def chained():
    """One after the other."""
    return chain(finishes.si(), named.si()).apply_async()


def grouped():
    """Both at once."""
    return group(finishes.si(), finishes_bound.si()).apply_async()


def chorded():
    """Both at once, and then a third."""
    return chord([finishes.si(), finishes_bound.si()], named.si()).apply_async()
