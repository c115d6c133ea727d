"""PARSE: what kind of line another program wrote into a worker's log; and which never tells of a run."""

import re
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """Whose line it is."""

    WEB = "web server"
    SCHEDULER = "scheduler"
    TRACEBACK = "traceback"
    OTHER = "other"


#: The first that is found in a line names its kind.
KINDS: Final = (
    (
        Kind.WEB,
        re.compile(rb"\"?(?:GET|POST|PUT|PATCH|HEAD|DELETE|OPTIONS) /\S* HTTP|gunicorn|uvicorn|nginx"),
    ),
    (
        Kind.SCHEDULER,
        re.compile(rb"rq_?scheduler|celery\.beat|\bbeat: |Scheduler: |Pushing .* to \S+$|Popped \d+ jobs"),
    ),
    (Kind.TRACEBACK, re.compile(rb"Traceback \(most|^\s+File \"")),
)


def find_kind(line: bytes) -> Kind:
    """Whose line *line* is, as far as it shows."""
    return next((kind for kind, expression in KINDS if expression.search(line, 0, 1024)), Kind.OTHER)
