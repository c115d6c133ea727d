"""A log with its latest line first tells of the same runs as one with its latest line last."""

import errno
import gzip
import io
import os
import threading
import types

import pytest

from places import GOLDEN
from slowtask.errors import SourceError
from slowtask.parse import order, sources
from slowtask.parse import scan as scanning
from slowtask.parse.events import events
from slowtask.parse.items import Tally, Unparsable
from slowtask.parse.order import is_newest_first
from slowtask.parse.scan import scan
from slowtask.parse.sources import Source, resolve
from slowtask.store import Query
from slowtask.store.files import Files

CELERY = sorted(GOLDEN.glob("celery-*.log"))
HEAD = "[2026-11-23 18:48:{:02},000: INFO/MainProcess]"


def records(text):
    """The records of a log of Celery's: a line that begins with a bracket, and those below it."""
    found = []
    for line in text.splitlines(keepends=True):
        if line.startswith("[20") or not found:
            found.append("")
        found[-1] += line
    return found


def reverse(text):
    return "".join(reversed(records(text)))


def told(source):
    """What a log tells, without the places of its lines."""
    return [each if isinstance(each, Unparsable) else facts(each) for each in events(source)]


def facts(run):
    """What a run's lines say."""
    return run.task, run.timestamp, run.duration, run.outcome, run.action, run.error, run.message


def runs(source):
    """The runs in a log, as `told` gives them."""
    return [each for each in told(source) if not isinstance(each, Unparsable)]


@pytest.fixture
def log(tmp_path):
    """Writes a log and returns its source."""

    def write(content, name="a.log"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return Source(path=path, kind="lines")

    return write


@pytest.fixture
def piped(tmp_path):
    """Returns the source of a pipe into which content is written."""

    def pipe(content):
        path = tmp_path / "pipe"
        os.mkfifo(path)
        threading.Thread(target=path.write_bytes, args=(content.encode(),)).start()
        return Source(path=path, kind="lines")

    return pipe


def again(text):
    """*text* with other ids, so that it tells of other runs."""
    return text.replace("[", "[2").replace("[22026", "[2026")


def tasks(count, first=0):
    """A log of *count* tasks that succeeded, one a second, each with a result of two lines."""
    lines = []
    for number in range(first, first + count):
        head = f"[2026-11-23 18:{number // 60:02}:{number % 60:02},000: INFO/MainProcess]"
        lines.append(f"{head} Task jobs.t{number}[{number}] received")
        lines.append(f"{head} Task jobs.t{number}[{number}] succeeded in {number}.5s: 'a result")
        lines.append("of two lines'")
    return "\n".join(lines) + "\n"


FAILING = f"""\
{HEAD.format(1)} Task jobs.a[1] received
{HEAD.format(2).replace("INFO", "ERROR")} Task jobs.a[1] raised unexpected: ValueError('no')
Traceback (most recent call last):
  File "jobs.py", line 1, in a
ValueError: no
{HEAD.format(3)} Task jobs.b[2] received
not a log line
{HEAD.format(4)} Task jobs.b[2] succeeded in 0.5s: None
"""


@pytest.mark.parametrize("path", CELERY, ids=lambda path: path.stem)
def test_a_golden_log_with_its_latest_line_first_tells_the_same(path, log, monkeypatch):
    monkeypatch.setattr(order, "is_newest_first", lambda _: True)
    found = runs(log(reverse(path.read_text())))
    monkeypatch.undo()

    assert found == runs(log(path.read_text()))


def test_a_traceback_stays_below_its_failure(log):
    found = told(log(reverse(FAILING)))

    assert found == told(log(FAILING))
    assert found[0][-2:] == ("ValueError", "no")


def test_lines_and_offsets_are_those_of_the_file(log):
    text = "".join(f"Time: 2026-11-23 18:48:{59 - each},000 Task: a Task-time: 1\n" for each in range(20))
    lines = text.replace("18:48:50", "18:48:50,1").replace("18:48:41,000", "18:48:41,000 x").splitlines()
    lines[3:3], lines[9:9] = ["Time: what?", ""], ["", "Time: not a log line"]
    content = "\n".join(["Time: a header", *lines, "Time: the end"])
    bad = [each for each in events(log(content)) if isinstance(each, Unparsable)]

    assert {each.text for each in bad} >= {
        "Time: a header", "Time: what?", "Time: not a log line", "Time: the end",
    }  # fmt: skip
    assert len(bad) == 6
    for each in bad:
        assert content[each.offset :].split("\n")[0] == each.text == content.split("\n")[each.line - 1]


def test_the_id_of_a_run_is_the_same_as_if_it_was_read_forwards(log, monkeypatch):
    source = log(reverse(FAILING))
    found = {each.id for each in events(source)}
    monkeypatch.setattr(order, "is_newest_first", lambda _: False)

    assert {each.id for each in events(source) if not isinstance(each, Unparsable)} >= found


@pytest.mark.parametrize("end", ["", "\n", "\n\n", "the end"])
def test_all_lines_are_counted(end, log):
    text = reverse(tasks(50)) + end
    tally = Tally()
    list(events(log(text), tally=tally))

    assert (tally.lines, tally.events) == (len(text.splitlines()), 50)


def test_a_log_of_many_sections_is_read_in_the_order_of_time(log, monkeypatch):
    monkeypatch.setattr(order, "SECTION_SIZE", 1000)
    monkeypatch.setattr("slowtask.parse.stream.BLOCK_SIZE", 700)

    assert told(log(reverse(tasks(300)))) == told(log(tasks(300)))


def test_a_section_too_big_to_be_kept_is_read_forwards(log, monkeypatch):
    monkeypatch.setattr(order, "MAX_SECTION_SIZE", 1000)
    monkeypatch.setattr(order, "SECTION_SIZE", 100)
    monkeypatch.setattr("slowtask.parse.stream.BLOCK_SIZE", 100)
    long = reverse(tasks(20)) + "\n" * 3000 + again(reverse(tasks(20)).replace("jobs", "more"))
    found = runs(log(long))

    assert sorted({each[0] for each in found}) == sorted(
        f"{name}.t{number}" for number in range(20) for name in ("jobs", "more")
    )


@pytest.mark.parametrize("zipped", [False, True])
def test_an_endless_line_needs_no_memory(zipped, log):
    content = (reverse(tasks(20)) + "x" * 9_000_000 + "\n" + again(reverse(tasks(20)))).encode()
    found = told(log(gzip.compress(content) if zipped else content))

    assert len([each for each in found if not isinstance(each, Unparsable)]) == 40
    assert [str(each.reason) for each in found if isinstance(each, Unparsable)] == ["too-long"]


def test_a_zipped_log_and_a_pipe_are_turned_around_too(log, piped):
    expected = told(log(tasks(300)))
    turned = reverse(tasks(300))

    assert told(log(gzip.compress(turned.encode()))) == expected
    assert told(log(turned.encode("utf-16"))) == expected
    assert told(piped(turned)) == expected


def test_stdin_is_turned_around_too(monkeypatch, log):
    with log(reverse(FAILING)).path.open("rb") as file:
        monkeypatch.setattr(sources.sys, "stdin", types.SimpleNamespace(buffer=file))
        found = told(resolve(["-"])[0])

    assert found == told(log(FAILING))


def test_a_cut_zipped_log_is_read_as_far_as_it_goes_and_reported(log):
    found = told(log(gzip.compress(reverse(tasks(300)).encode())[:-10]))

    assert (len(found), str(found[-1].reason)) == (301, "damaged-gzip")


def test_a_full_disk_is_an_error_in_a_sentence(log, monkeypatch):
    class Full(io.BytesIO):
        def write(self, _):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(order.tempfile, "TemporaryFile", lambda **_: Full())

    with pytest.raises(SourceError, match=r"No space left .* set TMPDIR"):
        told(log(gzip.compress(reverse(FAILING).encode())))


def test_it_is_ranked_the_same_and_not_cut_into_pieces(log, tmp_path, monkeypatch):
    monkeypatch.setattr(scanning, "PIECE_SIZE", 1000)
    source = log(reverse(tasks(300)))
    tally = scan([source], tmp_path)
    ranked = Files([source]).measure(Query())

    assert (len(tally.files), tally.events, tally.lines) == (1, 300, 900)
    assert {each.task: each.total for each in ranked.figures} == {
        f"jobs.t{number}": (number + 0.5) * 1e9 for number in range(300)
    }


FALLING = range(9, 0, -1)
STARTS = {
    "four tasks": (reverse(tasks(4)), True),
    "JSON": ("".join(f'{{"time":"2026-11-23T18:00:0{each}Z"}}\n' for each in FALLING), True),
    "a field of JSON": (
        "".join(f'{{"a":"{"b" * 999}","receiveTimestamp": "2026-11-0{n}T18:00:00Z"}}\n' for n in FALLING),
        True,
    ),
    "another field": ("".join(f'{{"a":"{"b" * 99}","due":"2026-11-0{n}T18:00"}}\n' for n in FALLING), False),
    "a prefix": ("".join(f"worker | 2026-11-0{each} 18:00:00Z x\n" for each in FALLING), True),
    "some equal": ("".join(f"2026-11-0{each} 18:00:00 x\n" * 2 for each in FALLING), True),
    "too few": (reverse(tasks(3)), False),
    "rising": (tasks(100), False),
    "one rise": (reverse(tasks(50)) + tasks(1, 51), False),
    "nothing": ("", False),
    "days that jobs are for": ("".join(f"18:00:00 a: b('2026-11-0{n} 00:00:00')\n" for n in FALLING), False),
    "after a prefix": ("".join(f"web | 18:00:00 a: b('2026-11-0{n} 00:00:00')\n" for n in FALLING), False),
    "far behind": ("".join("x" * 46 + f"2026-11-0{each} 18:00:00\n" for each in FALLING), False),
}


@pytest.mark.parametrize("kind", STARTS)
def test_the_order_is_told_by_dates_that_only_fall(kind):
    start, expected = STARTS[kind]

    assert is_newest_first(start.encode()) is expected
