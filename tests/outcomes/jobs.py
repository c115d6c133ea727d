"""Tasks that end in every way a task can."""

import asyncio
import os
import signal
import time
from pathlib import Path

STARTED = Path("started")  #: touched when a task that waits to be disturbed runs


def finishes():
    """Ends well."""
    time.sleep(0.01)


async def finishes_async():
    """Ends well, in an event loop."""
    await asyncio.sleep(0.01)


def raises():
    """Fails."""
    raise ValueError("no such user")


def overruns():
    """Runs into its time limit."""
    time.sleep(30)


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
    """Leaves the process without a word."""
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
    time.sleep(30)


def outlives_worker():
    """Kills its worker, and ends well."""
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(0.3)


def breaks_callback(job, connection, result):
    """A success callback that raises."""
    raise RuntimeError("callback")
