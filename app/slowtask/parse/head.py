"""PARSE: the head of a line, in whatever format a program was told to log it.

The patterns are in `logstash/patterns/heads`, which the Logstash filter reads too. A head of one's own is one
more pattern, by the setting `SLOWTASK_LOG_HEAD`.
"""

from typing import Final, NamedTuple

from slowtask.parse.grok import compile_expression, compile_pattern

MAX_HEAD: Final = 512  #: bytes of a line in which its head ends
TIME, LEVEL, PROCESS, LOGGER = "[@metadata][time]", "[log][level]", "[@metadata][process]", "[log][logger]"

match_head = compile_pattern("HEAD", TIME, LEVEL, PROCESS, LOGGER).match
search_date = compile_expression("%{TIME_ISO}").search
match_loose = compile_pattern("HEAD_LOOSE", TIME, TIME, LEVEL, PROCESS, LOGGER).match


class Head(NamedTuple):
    """What the head of a line says."""

    end: int  #: where the sentence begins
    time: bytes | None = None
    level: bytes | None = None
    process: bytes | None = None
    logger: bytes | None = None


def find_head(line: bytes) -> Head | None:
    """The head of *line*, if it begins with one."""
    found = match_head(line, 0, MAX_HEAD)
    if found is None:
        return None
    time, *others = found.groups()
    if time is not None and time[2:3] == b":" and (dated := search_date(line, 0, found.start(1))):
        time = dated[0]  # of two clocks the one with a date
    return Head(found.end(), time, *others)


def find_loose_head(line: bytes) -> Head | None:
    """The head of *line*, if its time stands behind other text near its beginning."""
    found = match_loose(line, 0, MAX_HEAD)
    if found is None:
        return None
    first, second, *others = found.groups()
    return Head(found.end(), second or first, *others)
