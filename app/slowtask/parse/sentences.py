"""PARSE: name the pattern of the sentence that a line has, for a person who asks why it is read so.

The formats know in which order to try their patterns, and do it fast. Here all are tried in one order.
"""

from typing import Final, NamedTuple

from slowtask.parse.grok import Grok, read_shipped_patterns
from slowtask.parse.head import Head
from slowtask.parse.peel import find_sentences

#: All sentences. One that would match what another is meant for stands behind it.
SENTENCES: Final = (
    "SLOWTASK_TEXT",
    "CELERY_DONE", "CELERY_RECEIVED", "CELERY_RAISED", "CELERY_RETRY", "CELERY_LEFT", "CELERY_REJECT",
    "CELERY_CUT", "CELERY_TIMEOUT", "CELERY_LOST", "CELERY_EXITED", "CELERY_ACCEPTED", "CELERY_UNKNOWN",
    "CELERY_TERMINATED", "CELERY_REVOKED", "CELERY_DISCARDED", "CELERY_UNABLE", "CELERY_COLD",
    "RQ_OK", "RQ_DONE", "RQ_DONE_BARE", "RQ_DONE_OWN", "RQ_RAISED", "RQ_RAISED_BY", "RQ_KILLED",
    "RQ_KILLED_BY", "RQ_STOPPED", "RQ_STOPPED_BY", "RQ_RETRY", "RQ_SPENT", "RQ_ABANDONED", "RQ_OK_BARE",
    "RQ_TRACEBACK", "RQ_MOVED", "RQ_NAMED", "RQ_START", "RQ_START_OWN", "RQ_START_BARE",
    "CELERY_TORN", "RQ_TORN", "CELERY_SAID", "CELERY_BANNER", "RQ_CHATTER",
)  # fmt: skip
BEGAN: Final = "a job began, and the line of its end gives the run"
FAILED: Final = "a job failed, if a line before it says that one began"
#: What a sentence tells of which no run comes by itself.
NOTES: Final = {
    "CELERY_RECEIVED": "a worker received a task, and the line of its end gives the run",
    "CELERY_ACCEPTED": "a process was given a task, and the line of its end gives the run",
    "CELERY_LOST": "a process was lost, and another line may name its task",
    "CELERY_REVOKED": "tasks were revoked, and the lines of their ends give the runs",
    "CELERY_UNABLE": "the task of the line before it could not be terminated",
    "CELERY_SAID": "a task's own words, which name it",
    "task_started": "a task began, and the event of its end gives the run",
    "RQ_START": BEGAN,
    "RQ_START_OWN": BEGAN,
    "RQ_START_BARE": BEGAN,
    "RQ_OK_BARE": "a job ended, and the line of its start, before it, names it",
    "RQ_TRACEBACK": FAILED,
    "RQ_MOVED": FAILED,
    "RQ_NAMED": "it names the task of a job, and the line of its end gives the run",
}


class Sentence(NamedTuple):
    """The sentence of a line."""

    name: str  #: of its pattern
    head: Head  #: what stands before it
    at: int  #: where it begins
    fields: tuple[tuple[str, bytes], ...]


#: Sentences that other text may look like: they count only right behind a head.
LOOSE: Final = {"RQ_START_OWN", "RQ_START_BARE", "RQ_TORN", "CELERY_SAID", "CELERY_BANNER", "RQ_CHATTER"}
BY_ID: Final = {"RQ_START_OWN", "RQ_START_BARE"}
ID: Final = "[task][id]"
match_uuid = Grok("SLOWTASK_UUID", read_shipped_patterns()).match
match_clock = Grok("TIME_CLOCK", read_shipped_patterns()).match
_patterns: Final = {name: Grok(name, read_shipped_patterns()) for name in SENTENCES}


def find_sentence(text: bytes, head: Head | None) -> Sentence | None:
    """Find the sentence of *text* behind *head*; None if it has none."""
    for at, known in find_sentences(text, head):
        for name, grok in _patterns.items():
            found = grok.match(text, at) if at == known.end or name not in LOOSE else None
            if found is None:
                continue
            pairs = zip(grok.fields, found.groups(), strict=True)
            fields = {field: value for field, value in pairs if value is not None}
            if name not in BY_ID or match_clock(text) or match_uuid(fields[ID]):
                return Sentence(name, known, at, tuple(fields.items()))
    return None
