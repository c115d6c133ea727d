"""How Celery's process pool, billiard, says that a process was lost: for hooks and parser alike."""

import re
from typing import Final

EXIT: Final = re.compile(r"prematurely: (signal|exitcode) (\d+)")
WORDS: Final = {"signal": "signal", "exitcode": "exit status"}


def reason(text: str) -> str | None:
    """`signal 9` of `Worker exited prematurely: signal 9 (SIGKILL) Job: 3.`, `exit status 3`; else None."""
    found = EXIT.search(text)
    return f"{WORDS[found[1]]} {int(found[2])}" if found else None
