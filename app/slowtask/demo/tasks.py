"""The three example tasks: one waits for a service, one computes, one does nothing."""

import hashlib
import os
import random
import time
from typing import Final

MAX_SECONDS: Final = 10.0  #: that a mail takes by default
NOBODY: Final = "nobody"  #: a user without a mailbox
RELEASES: Final = ("1.0", "2.0")  #: versions of the tasks; in the second one `compute` does more work
MORE_WORK: Final = 2.5  #: times as much, so that a busy machine hides it in neither release


def send_mail(username: str, seconds: float | None = None, text: str = "") -> str:  # noqa: ARG001 - for its size
    """Sleep *seconds*, or at random 0 to 10, instead of sending a mail. Raises `LookupError` for `nobody`."""
    time.sleep(random.uniform(0, MAX_SECONDS) if seconds is None else seconds)
    if username == NOBODY:
        raise LookupError(f"no mailbox: {username}")
    return f"sent to {username}"


def compute(rounds: int) -> str:
    """Keep a core busy with *rounds* of PBKDF2, each a fraction of a microsecond; more in release 2.0."""
    if os.environ.get("SLOWTASK_SERVICE_VERSION") == RELEASES[1]:
        rounds = round(rounds * MORE_WORK)
    return hashlib.pbkdf2_hmac("sha256", b"slowtask", b"salt", rounds).hex()


def simple_task() -> str:
    """Do nothing, so that the run time is the queue system's overhead."""
    return "done"
