"""Dramatiq, recorded: one line for each attempt of an actor."""

import os
import threading
import time

from dramatiq.middleware import Middleware
from dramatiq.middleware.time_limit import TimeLimitExceeded

from slowtask.record import FINISHED, THREAD, Ending, Timer, guarded, host, identity, run, write

SYSTEM = "dramatiq"
SENT = "slowtask_sent"  #: an option of each message: when it was to run, ms since the epoch
MS = 1_000_000  #: ns


class Recorded(Middleware):
    """Goes `before=Retries`: middleware is left in reverse order, so by then Retries has decided."""

    def __init__(self):
        self._running = threading.local()  # a thread runs one message at a time

    def before_enqueue(self, broker, message, delay):
        with guarded:
            message.options[SENT] = time.time() * 1000 + (delay or 0)

    def before_process_message(self, broker, message):
        with guarded:
            self._running.attempt = message.options.get("retries", 0) + 1  # Retries counts on, later
            self._running.timer = Timer(THREAD)

    def after_process_message(self, broker, message, *, result=None, exception=None):
        with guarded:
            self._write(message, ended(message, exception), self._running.timer)

    def after_skip_message(self, broker, message):
        with guarded:  # too old, or left to others by a middleware: it never began
            self._write(message, Ending("stopped", reason="skipped"), None)

    def _write(self, message, how, timer):
        pid, taken = os.getpid(), timer.stop() if timer else None
        attempt = self._running.attempt if timer else message.options.get("retries", 0) + 1
        write(
            run(
                how,
                message,
                taken,
                id=identity(f"{SYSTEM}:{message.message_id}:{attempt}:{taken and taken.start}"),
                task=message.actor_name,
                task_id=message.message_id,
                attempt=attempt,
                wait=waited(message, timer) if timer else None,
                queue=message.queue_name,
                system=SYSTEM,
                worker=f"{host()}:{pid}:{threading.get_native_id()}",
                host=host(),
                pid=pid,
            )
        )


def ended(message, exception):
    """How an attempt ended that raised *exception*, or None."""
    if exception is None:
        return FINISHED
    if not message.failed:
        return Ending("retried", error=exception)
    return Ending("timed-out" if isinstance(exception, TimeLimitExceeded) else "failed", error=exception)


def waited(message, timer):
    """ns in the queue; None where a publisher without this middleware sent the message."""
    sent = message.options.get(SENT)
    return None if sent is None else max(0, round((timer.start.timestamp() * 1000 - sent) * MS))
