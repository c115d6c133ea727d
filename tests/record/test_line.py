"""A line has a bounded length, stays one line whatever is in it, and decodes to its event."""

import json
from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pythonjsonlogger.msgspec import MsgspecFormatter

from slowtask.record.event import DATASET, Run, fields, iso, types
from slowtask.record.line import MAX_LINE_BYTES, UNSAFE, LineFormatter

LINES = LineFormatter()
short = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
moments = st.datetimes(timezones=st.just(UTC))
amounts = st.integers(0, 2**63 - 1)


def runs(text=short):
    """Any event."""
    return st.builds(
        Run,
        timestamp=moments,
        id=text,
        dataset=st.just(DATASET),
        start=st.none() | moments,
        duration=st.none() | amounts,
        outcome=st.sampled_from(["success", "failure", "unknown"]),
        action=st.none() | st.sampled_from(["finished", "killed", "timed-out"]),
        task=text,
        wait=st.none() | amounts,
        attempt=st.none() | st.integers(1, 2**15 - 1),
        queue=st.none() | text,
        message=st.none() | text,
        stack_trace=st.none() | text,
        labels=st.none() | st.dictionaries(text, text, min_size=1, max_size=3),
    )


fillings = st.sampled_from(["", "x", "\x00", "é", "\U0001f600", "\u202e"])


@given(runs())
def test_a_line_decodes_to_its_event(run):
    assert msgspec.json.decode(LINES.format_run(run), type=Run) == run


@given(runs(st.text(min_size=1, max_size=40) | st.text("\x00\x1b\n\r\u2028\x9b\u202e\x7f\ud800", min_size=1)))
def test_no_text_breaks_or_fakes_a_line(run):
    line = LINES.format_run(run)

    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert len(line.decode().splitlines()) == 1
    assert line.decode()[:-1].isprintable() or not any(c in line.decode() for c in "\x1b\x7f\x9b\r\u202e")
    assert json.loads(line)["event.dataset"] == DATASET


any_text = st.text(min_size=1, max_size=40) | st.text('\x00\x1b\n\u2028\x9b\u202e\x7f\ud800"\\é', min_size=1)
#: Labels of a hook of someone's own, which nobody has cut or converted.
any_labels = st.dictionaries(
    any_text,
    st.recursive(any_text | st.floats() | st.booleans(), lambda each: st.dictionaries(any_text, each)),
)


@given(
    runs(any_text),
    st.none() | any_labels,
    fillings,
    st.integers(0, 40_000),
    st.sampled_from([400, 4096, 16384]),
)
def test_the_fast_way_writes_what_the_formatter_writes_of_the_events_fields(
    run, labels, filling, length, limit
):
    run = msgspec.structs.replace(run, labels=labels, message=filling * length)

    assert LINES.format_run(run, limit) == LINES.format_bounded(fields(run), limit)


@given(runs())
def test_a_line_is_what_python_json_loggers_formatter_makes_of_the_events_fields(run):
    """But for characters that could move a cursor, which the line escapes."""
    text = MsgspecFormatter().jsonify_log_record(fields(run))
    line = LINES.format_run(run)

    assert json.loads(line) == json.loads(text)
    assert line == text.encode() + b"\n" or UNSAFE.search(text)


@given(runs(st.text(min_size=1)), fillings, st.integers(0, 60_000))
def test_no_line_is_longer_than_the_limit(run, filling, length):
    big = msgspec.structs.replace(run, task=run.task + filling * length, stack_trace=filling * length)

    assert len(LINES.format_run(big)) <= MAX_LINE_BYTES


@pytest.mark.parametrize("limit", [1024, 4096, MAX_LINE_BYTES])
def test_what_matters_most_is_cut_last(limit):
    """Of a trace the end is kept, where the failing line stands; a name that fits stays whole."""
    run = Run(
        timestamp=datetime.now(UTC),
        id="0" * 32,
        dataset=DATASET,
        outcome="failure",
        task="jobs.send_mail",
        message="m" * 900,
        stack_trace="frame\n" * 9000 + "ValueError: the end",
        labels={"tenant": "acme"},
    )
    line = json.loads(LINES.format_run(run, limit))

    assert line["task.name"] == "jobs.send_mail"
    assert line["labels"] == {"tenant": "acme"}
    assert line["error.stack_trace"].startswith("…")
    assert line["error.stack_trace"].endswith("the end")


def test_the_time_and_the_id_come_first():
    """Filebeat tells files apart by their first bytes."""
    assert list(types())[:2] == ["@timestamp", "event.id"]


def test_a_time_always_has_its_microseconds():
    moment = datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=2)))

    assert iso(moment) == "2025-12-31T22:00:00.000000Z"
