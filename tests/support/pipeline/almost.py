"""Lines that are almost runs as slowtask writes them: `lines()` gives each once. And how lines are sent."""

import itertools
import json
from pathlib import Path

from logs import line, made
from pipeline import logstash, odd
from slowtask.record import event

COMPACT = {"separators": (",", ":"), "ensure_ascii": False}
FULL = made(
    start=made().timestamp, wait=5, cpu=6, memory=7, attempt=1, queue="q", system="rq", worker="w", host="h",
    pid=8, service="s", version="v", environment="e", error="E", message="m", stack_trace="t",
    labels={"tenant": "acme"}, trace="0", margin=9, reason="r", action="killed", task_id="j",
)  # fmt: skip


class Status:
    """Of a file that nobody looks into."""

    st_dev, st_ino = 1, 2


def shipped(lines, path="/var/log/slowtask/worker.ndjson"):
    """*lines* as Filebeat ships them of one file."""
    return [logstash.event(text, Path(path), Status, place) for place, text in enumerate(lines)]


def fast(found):
    """Whether each went the short way."""
    return [each["@metadata"].get("slowtask_read") == "fast" for each in found]


def written(record, **changes):
    """A line of a flat *record* with *changes*, spaced as ours; a field that is `...` is left out."""
    changed = {name: value for name, value in (record | changes).items() if value is not ...}
    return json.dumps(changed, **COMPACT)


def lines():
    """Every wrong value in every field, times, other keys, torn and glued lines."""
    record, whole = event.fields(FULL), line(FULL).decode()
    names = [*record, "stranger", "labels.x", "task", "event"]
    yield from (written(record, **{name: value}) for name, value in itertools.product(names, odd.VALUES))
    yield from (written(record, **{name: ...}) for name in record)
    yield from (
        written(record, **{name: time}) for name in ("@timestamp", "event.start") for time in odd.TIMES
    )
    yield from (written(record, **each) for each in odd.OTHERS)
    yield from (whole + end for end in (" ", "x", "}", whole, ",", "\t", "\0", "\nmore"))
    yield from (whole[:cut] for cut in range(20, len(whole), 7))
    yield from (whole[:cut] + whole for cut in (20, 60, 200))
    yield from (f'{whole[:-1]},"{name}":{value}}}' for name, value in
                (("event.duration", -1), ("event.duration", 5), ("task.name", '"x"'), ("event.id", '"x"'),
                 ("event.dataset", '"slowtask.other"'), ("@timestamp", '"x"')))  # fmt: skip
    yield from (whole.replace(old, new) for old, new in
                (("1000000000", "1e9"), ("1000000000", "01"), ("1000000000", "1.0"), ("1000000000", "-0"),
                 ('"m"', '"\\ud800"'), ('"m"', '"\\u0041"'), ('"m"', '"\\x"'), ('"m"', '"\t"'),
                 ('"m"', "NaN"),
                 ('"q"', '"\\u0000"'), ('"acme"', "{}"), ('"tenant"', '"a.b"'), ('"tenant"', '"a*"'),
                 ("{", "{ "), (":", ": "), ("2026", "0026"), ("2026", "9026")))  # fmt: skip
