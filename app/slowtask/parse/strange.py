"""PARSE: say what a log looks like in which nothing is known, and how its lines may be read."""

from collections.abc import Iterator, Sequence
from shlex import quote

from slowtask.parse.custom import CustomFormat
from slowtask.parse.head import find_head
from slowtask.parse.peel import may_tell_of_a_run
from slowtask.parse.sketch import sketch_head
from slowtask.parse.wrappers import describe_wrapper


def describe_strange(text: bytes, wrappers: Sequence[str], custom: CustomFormat) -> str:
    """What *text*, a line of such a log, looks like, carried in *wrappers*; empty: like nothing."""
    parts = [f"its lines look like {describe_wrapper(name)}" for name in wrappers[:1]]
    head = find_head(text)
    if head is not None and head.time is not None:
        parts.append("they begin as logs do, but no sentence of RQ or Celery follows")
    return "; ".join([*parts, *advise(text, custom)])


def advise(text: bytes, custom: CustomFormat) -> Iterator[str]:
    """Yield how *text* may be read, which isn't."""
    head = find_head(text)
    unknown = head is None or head.time is None or may_tell_of_a_run(text)
    if text.startswith(b"{"):
        yield "if a field of it has a worker's lines, name it with --fields NAME=text"
    elif unknown and not custom.head and (sketch := sketch_head(text)):
        yield f"to read lines that begin so, try --head {quote(sketch)}"
