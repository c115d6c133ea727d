"""What is counted of a log beside its runs: lines of other programs, and dates that were guessed."""

import os
from datetime import date

import pytest

from logs import line, made
from slowtask.parse import events as module
from slowtask.parse.chatter import Kind
from slowtask.parse.events import events
from slowtask.parse.items import Reason, Tally
from slowtask.parse.scan import scan
from slowtask.parse.sources import Source
from slowtask.store import BadLines, Query
from slowtask.store.files import Files

JOB = "2aab4a44-c695-4817-9851-78ade4339869"
PAIR = f"18:47:58 default: jobs.compute() ({JOB})\n18:48:00 default: Job OK ({JOB})\n"
WEB = '10.0.0.1 - - [06/Nov/2026:09:00:00 +0000] "GET / HTTP/1.1" 200 12\n'
CHANGED = 1795459690  #: 2026-11-23T18:48:10Z


@pytest.fixture
def log(tmp_path):
    """A log of that text, last changed on 23 November."""

    def make(text, name="worker.log"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        os.utime(path, (CHANGED, CHANGED))
        return Source(path=path, kind="lines")

    return make


def counted(source, **options):
    """What `events` counts."""
    tally = Tally()
    list(events(source, tally=tally, **options))
    return tally


def test_lines_of_other_programs_are_counted_by_kind(log):
    text = f"{PAIR}{WEB}{WEB}2026-11-23 18:50:00 INFO celery.beat: Scheduler: Sending due task\n"

    assert counted(log(text)).skipped == {Kind.WEB: 2, Kind.SCHEDULER: 1}


def test_pieces_of_a_log_count_what_the_whole_counts(log, tmp_path, monkeypatch):
    monkeypatch.setattr("slowtask.parse.scan.PIECE_SIZE", 1000)
    source = log("".join(PAIR.replace(JOB, f"{number:08}{JOB[8:]}") + WEB for number in range(100)))
    whole, pieces = counted(source), scan([source], tmp_path)

    assert len(pieces.files) > 5
    assert (pieces.skipped, pieces.guessed) == (whole.skipped, whole.guessed)
    assert (whole.skipped[Kind.WEB], whole.guessed) == (100, [(source.name, date(2026, 11, 23))])


def test_a_log_in_which_nothing_is_known_adds_up(log):
    tally = counted(log(WEB * 10))

    assert (tally.unparsable, tally.lines) == ({Reason.STRANGE: 3}, 10)
    assert tally.skipped == {Kind.WEB: 7}


def test_the_few_lines_of_others_in_our_own_log_are_no_strange_log(log):
    """Only they are read line by line."""
    ours = line(made()) + b"\n"
    found = Files([log(b'{"a": 1}\n' + ours * 9 + b"hello\n", "own.ndjson")]).measure(Query())

    assert (found.bad, found.others, found.stock) == (BadLines(), {"other": 2}, True)


@pytest.mark.parametrize("text", [PAIR, f"Nov 23 18:48:00 host rq[1]: {PAIR[9:]}", PAIR + WEB])
def test_a_guessed_date_is_that_of_the_first_line_without_one(log, text):
    source = log(text)

    assert counted(source).guessed == [(source.name, date(2026, 11, 23))]
    assert counted(source, date=date(2026, 1, 1)).guessed == []


@pytest.mark.parametrize(
    "text",
    [
        f"2026-11-23 18:48:00 INFO Task a.b[{JOB}] succeeded in 1.5s: None\n",
        f"Nov 23 18:48:00 host c[1]: [2026-11-23 18:48:00,000: INFO/M] Task a.b[{JOB}] succeeded in 1s: 0\n",
        "".join(f"2026-11-23T{each[:8]}Z {each}\n" for each in PAIR.splitlines()),
        "2026-11-23 18:47:57,000 INFO spawned: 'worker'\n" + PAIR,
        WEB,
    ],
)
def test_no_date_is_guessed_where_the_log_gives_it(log, text):
    assert counted(log(text)).guessed == []


def test_the_date_of_a_log_is_looked_for_once(log, monkeypatch):
    """Syslog's times have no year: the file isn't read again for every line."""
    calls = []
    find = module.find_first_date
    monkeypatch.setattr(module, "find_first_date", lambda *each: calls.append(each) or find(*each))
    text = "".join(f"Nov 23 {each[:8]} host rq[1]: {each}\n" for each in PAIR.splitlines() * 20)

    assert counted(log(text)).events == 20
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        (BadLines(count=1), "1 line may tell of a run and wasn't read"),
        (BadLines(count=1200), "1,200 lines may tell of runs and weren't read"),
        (BadLines(strange=1), "1 log has no line that is known"),
        (
            BadLines(count=2, strange=2),
            "2 lines may tell of runs and weren't read; 2 logs have no line that is known",
        ),
        (BadLines(), ""),
    ],
)
def test_what_was_not_read_is_put_into_words(bad, sentence):
    assert (bad.sentence, bool(bad)) == (sentence, sentence != "")


def test_unread_lines_of_several_logs_add_up():
    found = BadLines(count=1, examples=("a",)) + BadLines(strange=1, examples=("b",))

    assert found == BadLines(count=1, strange=1, examples=("a", "b"))
