"""The three tasks of the experiment: one that waits for others, one that works, one that does nothing."""

import hashlib
import time


def send_mail(username: str, seconds: float) -> str:
    """Wait *seconds* for a mail server that isn't there."""
    time.sleep(seconds)
    return f"sent to {username}"


def compute(rounds: int) -> str:
    """Keep one core busy: *rounds* of PBKDF2, a microsecond or so each."""
    return hashlib.pbkdf2_hmac("sha256", b"slowtask", b"salt", rounds).hex()


def simple_task() -> str:
    """Nothing at all; what it takes is the queue's own overhead."""
    return "done"
