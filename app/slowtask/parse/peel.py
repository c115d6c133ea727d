"""PARSE: peel a line in three layers: what carried it, its head, and the sentence of RQ or Celery within.

Each layer is a table in `logstash/patterns`, which the Logstash filter reads too: `wrappers`, `heads` with
`times`, and the sentences in `slowtask`.
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from slowtask.parse.envelope import Envelope
from slowtask.parse.grok import expand_pattern
from slowtask.parse.head import Head, find_head, find_loose_head
from slowtask.parse.wrappers import Unwrapped, unwrap

MAX_WORDS: Final = 6  #: between a head that is known and the sentence
MAX_SEARCHED: Final = 8192  #: bytes of a line that are searched for a sentence
WORD: Final = re.compile(rb"\s+(?=\S)")
#: Finds what may be a sentence that tells of a run, anywhere in a line.
search_sentence = re.compile(expand_pattern("SENTENCE")[0].encode()).search
iterate_dates = re.compile(expand_pattern("TIME_ISO")[0].encode()).finditer
UPPER_LEVEL: Final = re.compile(rb"[A-Z]+$").match


class Peeled(NamedTuple):
    """A line without its wrappers."""

    unwrapped: Unwrapped | None  #: what the wrappers say; None: there are none
    text: bytes  #: what they carried
    head: Head | None  #: None: the text begins with no head

    @property
    def envelope(self) -> Envelope | None:
        """What the wrappers say."""
        return self.unwrapped.envelope if self.unwrapped else None

    @property
    def has_head(self) -> bool:
        """Whether the text surely is a line of some program's log: its head has a time or a level."""
        head = self.head
        return head is not None and (
            head.time is not None
            or (
                head.level is not None and (UPPER_LEVEL(head.level) is not None or self.text.startswith(b"["))
            )
        )


def peel(line: bytes) -> Peeled:
    """Take the wrappers off *line*, and find its head."""
    unwrapped = unwrap(line)
    text = unwrapped.text if unwrapped else line
    return Peeled(unwrapped, text, find_head(text))


def may_tell_of_a_run(text: bytes) -> bool:
    """Whether *text* has the words of a sentence that tells of a run."""
    return search_sentence(text, 0, MAX_SEARCHED) is not None or (
        len(text) > MAX_SEARCHED and search_sentence(text, len(text) - MAX_SEARCHED) is not None
    )


def find_dates(text: bytes) -> list[int]:
    """The places in *text* where a time with a date begins."""
    return [found.start() for found in iterate_dates(text, 0, MAX_SEARCHED)]


def find_sentences(text: bytes, head: Head | None) -> Iterator[tuple[int, Head]]:
    """Yield where the sentence of *text* may begin, and the head before it; the likeliest place first."""
    known = head or Head(0)
    yield known.end, known
    if not may_tell_of_a_run(text):
        return
    if known.time is None and (loose := find_loose_head(text)) is not None:
        known = loose
        yield known.end, known
    for count, word in enumerate(WORD.finditer(text, known.end), 1):
        yield word.end(), known
        if count == MAX_WORDS:
            return
