"""What a log format is to the reader."""

import re
from datetime import UTC, date
from io import StringIO

import pytest

from places import GOLDEN
from slowtask.parse import reader
from slowtask.parse.format import Format, Unreadable
from slowtask.parse.items import End, Reason, Unparsable
from slowtask.parse.reader import FORMATS, Reader
from slowtask.parse.rows import Rows
from slowtask.parse.times import DateTracker

DAY = date(2026, 11, 23)
CELERY = b"[2026-11-23 18:48:35,822: INFO/ForkPoolWorker-1] Task tasks.ok[96e2] succeeded in 0.5s: 1"


class Brackets(Format):
    """Lines such as `[x] tasks.ok failed`, which begin like Celery's."""

    first_bytes = b"["
    head = rb"\[x\] "
    chatter = (re.compile(rb"-- ").match,)

    def read(self, line, number, offset):
        if not self.recognizes(line):
            raise Unreadable(Reason.UNKNOWN)
        task, _, outcome = line[4:].decode().partition(" ")
        if not outcome:
            raise Unreadable(Reason.MALFORMED)
        end = End(line=number, offset=offset, timestamp=0, task=task, outcome=outcome)
        if outcome == "failure":
            return end
        self.emit(end)
        return None

    def recognizes(self, line):
        return line.startswith(b"[x] ")


@pytest.fixture
def read(monkeypatch):
    """What a reader that knows one more format makes of lines."""

    def read(*lines, more=Brackets, rows=None):
        monkeypatch.setattr(reader, "FORMATS", (*FORMATS, more))
        out = []
        one = Reader(out, lambda _: DateTracker(DAY), UTC, rows=rows)
        one.read(lines)
        one.finish()
        return out

    return read


def test_a_format_is_read_once_it_is_in_the_table(read):
    (end,) = read(b"[x] tasks.ok success")

    assert (end.task, end.outcome) == ("tasks.ok", "success")


def test_formats_with_the_same_first_byte_share_a_log(read):
    ends = read(CELERY, b"[x] tasks.mine success", CELERY.replace(b"96e2", b"96e3"))

    assert [end.task for end in ends] == ["tasks.ok", "tasks.mine", "tasks.ok"]


def test_the_traceback_below_a_failure_is_joined_to_it_whatever_its_format(read):
    (end, _) = read(
        b"[x] tasks.bad failure",
        b"Traceback (most recent call last):",
        b'  File "a.py", line 1, in bad',
        b"ValueError: no",
        CELERY,
    )

    assert (end.task, end.error, end.message) == ("tasks.bad", "ValueError", "no")


def test_a_failure_without_a_task_is_unparsable_whatever_its_format(read):
    class Nameless(Brackets):
        def read(self, line, number, offset):
            end = super().read(line, number, offset)
            end.task = None
            return end

    (item,) = read(b"[x] tasks.bad failure", more=Nameless)

    assert item.reason == Reason.NAMELESS


def test_a_line_that_its_format_cannot_read_says_why(read):
    items = read(b"[x] tasks.ok", b"[x] tasks.ok success", b"-- a banner")

    assert [item.reason for item in items if isinstance(item, Unparsable)] == [Reason.MALFORMED]


def test_lines_that_cannot_be_read_as_a_block_are_read_one_by_one(read):
    file = StringIO()
    items = read(b"[x] tasks.ok success", b"[x] tasks.ok success", rows=Rows(file))

    assert len(items) == 2


@pytest.mark.parametrize("each", FORMATS, ids=lambda each: each.__name__)
def test_a_head_matches_only_lines_with_the_format_s_first_bytes(each):
    lines = [line for log in GOLDEN.glob("*.log") for line in log.read_bytes().split(b"\n")]
    lines += [b'{"@timestamp":"2026-11-23T18:47:58.145554Z","event.dataset":"slowtask.run"}']
    heads = {line[0] for line in lines if re.match(each.head, line)}

    assert heads
    assert heads <= set(each.first_bytes)
