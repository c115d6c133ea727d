"""Celery on the broker of a test: a publisher, real workers with slowtask's hooks, and their events."""

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
    """Have *count* tasks wait in *queue*, as an application with our hook, or without it, publishes."""
    app = Celery("shop", broker=url, set_as_current=False)
    now = time.time()
    if hooked:
        options |= {"headers": {"slowtask_published": now}, "timestamp": int(now)}
    with app.connection_for_write() as connection, app.amqp.Producer(connection) as producer:
        for _ in range(count):
            app.send_task(task, args, queue=queue or "celery", producer=producer, **options)
    app.close()


@contextmanager
def workers(folder, url, *options):
    """A worker with slowtask's hooks, on the queues `mail` and `thumb`, unless *options* say others."""
    environment = os.environ | {"BROKER": url, "SLOWTASK_LOG": "off"}
    command = [sys.executable, "-m", "celery", "-A", "shop", "worker", "--without-mingle", "--without-gossip"]
    command += options or ("-c", "2", "-Q", "mail,thumb")
    with (folder / "worker.log").open("wb") as output:
        process = subprocess.Popen(
            command, cwd=HERE, env=environment, stdout=output, stderr=output, start_new_session=True
        )
    try:
        yield process
    finally:  # at once: its tasks would go on for long
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def tell(url, hostname="w1@host", kind="worker-slowtask", **fields):
    """Send an event as a worker does, by Celery's own dispatcher."""
    app = Celery("shop", broker=url, set_as_current=False)
    with app.connection_for_write() as connection:
        dispatcher = app.events.Dispatcher(connection, hostname=hostname)
        dispatcher.send(kind, **fields)
        dispatcher.close()
    app.close()


def news(**fields):
    """What slowtask's hooks send beside a heartbeat; *fields* differ."""
    told = {"pool": "prefork", "concurrency": 4, "queues": ["mail", "thumb"], "processed": 0}
    return told | {"running": [], "waiting": []} | fields


def job(name="shop.mail", queue="mail", ago=1.0, number="1"):
    """A job that has run for *ago* seconds, as the news have it."""
    return {
        "id": number, "name": name, "queue": queue, "since": time.time() - ago, "limit": None, "pid": 1,
    }  # fmt: skip
