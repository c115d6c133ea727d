"""Tasks that end in every way a task can."""

import asyncio
import os
import signal
import time
from pathlib import Path

STARTED = Path("started")  #: touched when a task that waits to be disturbed runs
LONG = 120  #: seconds; longer than a busy machine takes to disturb a task


def finishes():
    """Ends well."""
    time.sleep(0.01)


async def finishes_async():
    """Ends well, in an event loop."""
    await asyncio.sleep(0.01)


def sleep_long():
    """Sleep for LONG, in short steps: a signal just before a sleep would be handled only after it."""
    end = time.monotonic() + LONG
    while time.monotonic() < end:
        time.sleep(0.05)


def raises():
    """Fails."""
    raise ValueError("no such user")


def overruns():
    """Runs into its time limit."""
    sleep_long()


def overruns_its_worker():
    """Has its worker check it now, rather than in half a minute, and runs on."""
    while not catches(os.getppid(), signal.SIGALRM):
        time.sleep(0.01)
    os.kill(os.getppid(), signal.SIGALRM)
    sleep_long()


def catches(pid, number):
    """Whether a process has a handler of its own for a signal."""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = int(status.split("SigCgt:")[1].split()[0], 16)
    return bool(caught >> (number - 1) & 1)


def asks_retry():
    """Asks to be run again, once."""
    from rq import Retry

    return Retry(max=1)


def is_killed():
    """Dies as a process out of memory does, of SIGKILL, holding 64 MB."""
    held = bytearray(64_000_000)
    os.kill(os.getpid(), signal.SIGKILL)
    del held


def exits():
    """Ends its process at once."""
    os._exit(3)


def is_killed_at_exit():
    """Ends well; its process is killed when all is done."""
    os._exit = lambda _: os.kill(os.getpid(), signal.SIGKILL)


def fills_redis():
    """Ends well, in a Redis that takes no more."""
    from rq import get_current_job

    get_current_job().connection.config_set("maxmemory", "1")


def waits():
    """Says that it runs, and waits to be disturbed."""
    STARTED.touch()
    sleep_long()


def outlives_worker():
    """Kills its worker, and ends well after it."""
    worker = os.getppid()
    os.kill(worker, signal.SIGKILL)
    while os.getppid() == worker:
        time.sleep(0.01)


def breaks_callback(job, connection, result):
    """A success callback that raises."""
    raise RuntimeError("callback")
