"""The three tasks of the experiment: one that waits for others, one that works, one that does nothing."""

import hashlib
import random
import time
from typing import Final

LONGEST: Final = 10.0  #: seconds that a mail takes at most
NOBODY: Final = "nobody"  #: who has no mailbox


def send_mail(username: str, seconds: float | None = None, text: str = "") -> str:  # noqa: ARG001 - its size counts
    """Wait *seconds*, or 0 to 10, for a mail server that isn't there. Raises `LookupError` for `nobody`."""
    time.sleep(random.uniform(0, LONGEST) if seconds is None else seconds)
    if username == NOBODY:
        raise LookupError(f"no mailbox: {username}")
    return f"sent to {username}"


def compute(rounds: int) -> str:
    """Keep a core busy: *rounds* of PBKDF2, a fraction of a microsecond each."""
    return hashlib.pbkdf2_hmac("sha256", b"slowtask", b"salt", rounds).hex()


def simple_task() -> str:
    """Nothing at all; what it takes is the queue's own overhead."""
    return "done"
