"""Read how billiard, Celery's process pool, reports a lost process; for the hooks and the parser."""

import re
from typing import Final

EXIT: Final = re.compile(r"prematurely: (signal|exitcode) (\d+)")
REASON_NAMES: Final = {"signal": "signal", "exitcode": "exit status"}


def exit_reason(text: str) -> str | None:
    """Return `signal 9` for `Worker exited prematurely: signal 9 (SIGKILL) Job: 3.`, or `exit status 3`.

    None if *text* doesn't say.
    """
    match = EXIT.search(text)
    return f"{REASON_NAMES[match[1]]} {int(match[2])}" if match else None
