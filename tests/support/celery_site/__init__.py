"""Celery on the broker of a test: publish tasks, start workers with slowtask's hooks, send events."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

from celery import Celery

HERE = Path(__file__).parent


def publish(url, task, count=1, *, queue=None, args=(), hooked=True, **options):
    """Publish *count* tasks to *queue*, as an application with slowtask's hook does, or without it."""
    app = Celery("shop", broker=url, set_as_current=False)
    now = time.time()
    if hooked:
        options |= {"headers": {"slowtask_published": now}, "timestamp": int(now)}
    with app.connection_for_write() as connection, app.amqp.Producer(connection) as producer:
        for _ in range(count):
            app.send_task(task, args, queue=queue or "celery", producer=producer, **options)
    app.close()


@contextmanager
def start_workers(folder, url, *options):
    """Run a worker with slowtask's hooks, on the queues `mail` and `thumb` unless *options* are given."""
    environment = os.environ | {"BROKER": url, "SLOWTASK_LOG": "off"}
    command = [sys.executable, "-m", "celery", "-A", "shop", "worker", "--without-mingle", "--without-gossip"]
    command += options or ("-c", "2", "-Q", "mail,thumb")
    with (folder / "worker.log").open("wb") as output:
        process = subprocess.Popen(
            command, cwd=HERE, env=environment, stdout=output, stderr=output, start_new_session=True
        )
    try:
        yield process
    finally:  # killed, since its tasks would run for long
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def send_event(url, hostname="w1@host", kind="worker-slowtask", **fields):
    """Send an event as a worker does, with Celery's own dispatcher."""
    app = Celery("shop", broker=url, set_as_current=False)
    with app.connection_for_write() as connection:
        dispatcher = app.events.Dispatcher(connection, hostname=hostname)
        dispatcher.send(kind, **fields)
        dispatcher.close()
    app.close()


def report_fields(**fields):
    """Return the fields of the event that slowtask's hooks send; *fields* replace the default ones."""
    defaults = {"pool": "prefork", "concurrency": 4, "queues": ["mail", "thumb"], "processed": 0}
    return defaults | {"running": [], "waiting": []} | fields


def reported_job(name="shop.mail", queue="mail", ago=1.0, number="1"):
    """Return a job that has run for *ago* seconds, as slowtask's hooks report it."""
    return {
        "id": number, "name": name, "queue": queue, "since": time.time() - ago, "limit": None, "pid": 1,
    }  # fmt: skip
