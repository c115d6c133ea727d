"""The date of RQ's lines, which show only a time of day: from other lines of the log, or guessed."""

import os
from datetime import UTC, date, datetime
from io import BytesIO
from pathlib import Path

import pytest

from places import GOLDEN
from slowtask.parse import scan as scanning
from slowtask.parse.dates import find_clocks, find_first_date, follow_clocks
from slowtask.parse.events import events
from slowtask.parse.scan import scan
from slowtask.parse.sources import Source
from slowtask.record.event import Run

CHANGED = datetime(2026, 11, 25, 12, 0, 0, tzinfo=UTC)


@pytest.fixture
def log(tmp_path):
    """Writes a log that was changed last on 25 November 2026 at noon, and returns its source."""

    def write(*lines):
        path = tmp_path / "a.log"
        path.write_text("".join(f"{each}\n" for each in lines))
        os.utime(path, (CHANGED.timestamp(), CHANGED.timestamp()))
        return Source(path=path, kind="lines")

    return write


def first(source, day=None):
    """What the date of the first line is found to be."""
    with source.open() as stream:
        return find_first_date(source, stream, day, datetime.now(UTC), 0)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["22:30:52 a", "2023-08-13 22:30:52,517 b"], date(2023, 8, 13)),
        (["2023-08-13T22:30:52Z b", "22:30:52 a"], date(2023, 8, 13)),
        (["22:30:52 a", "[2023-08-13 21:30:53: INFO] b"], date(2023, 8, 13)),
        (["22:30:52 a", "Traceback", "  File x", "2023-08-13 22:31:00 b"], date(2023, 8, 13)),
        (["23:59:59 a", "2023-08-14 00:00:01 b"], date(2023, 8, 13)),
        (["2023-08-13 23:59:59 b", "00:00:01 a"], date(2023, 8, 14)),
        (["22:00:00 a", "01:00:00 a", "00:30:00 a", "2023-08-13 00:31:00 b"], date(2023, 8, 12)),
        (["22:00:00 a", "09:00:00 a", "06:00:00 a", "2023-08-13 05:59:00 b"], date(2023, 8, 11)),
        (["22:00:00 a", "2023-08-13 18:00:00 b", "2023-08-13 22:59:00 c", "23:00:00 a"], date(2023, 8, 13)),
        (
            ["22:00:00 a", "2020-01-01 22:00:00 b", *["22:01:00 a", "2023-08-13 22:01:00 b"] * 2],
            date(2023, 8, 13),
        ),
    ],
)
def test_a_line_with_a_date_tells_the_date_of_its_neighbour(lines, expected, log):
    found = first(log(*lines))

    assert (found.day, found.guessed) == (expected, False)


@pytest.mark.parametrize(
    "other",
    [
        "2023-08-13 21:30:51 an hour and a second before",
        "2023-08-13 23:30:53 an hour and a second after",
        "2023-02-30 22:30:52 no such day",
        "0001-01-01 00:00:00 before all days",
        "22:30:52 default: jobs.import_day('2023-08-13 22:30:52') (1)",
        "x" * 46 + " 2023-08-13 22:30:52 far behind",
        "2023-08-13 without a time",
        "",
    ],
)
def test_otherwise_the_date_is_guessed_by_the_last_change(other, log):
    found = first(log("22:30:52 default: jobs.a() (1)", other, "22:30:52 default: Job OK (1)"))

    assert (found.day, found.guessed) == (date(2026, 11, 24), True)


def test_a_date_that_is_given_holds(log):
    found = first(log("22:30:52 a", "2023-08-13 22:30:52 b"), date(2020, 2, 2))

    assert (found.day, found.guessed) == (date(2020, 2, 2), False)


def test_the_date_of_a_pipe_is_guessed():
    ends = os.pipe()
    os.close(ends[1])
    with os.fdopen(ends[0], "rb") as stream:
        source = Source(path=Path("/dev/stdin"), kind="lines")

        assert find_first_date(source, stream, None, CHANGED, 0).guessed


def test_runs_before_and_behind_a_line_with_a_date_have_its_date(log):
    lines = [
        *("21:00:00 default: jobs.a() (1)", "21:00:01 default: Job OK (1)"),
        *("23:30:00 default: jobs.a() (2)", "00:30:00 default: Job OK (2)"),
        "2023-08-14 00:30:00,517 INFO reaped unknown pid 72",
        *("00:31:00 default: jobs.a() (3)", "00:31:01 default: Job OK (3)"),
    ]
    runs = [each for each in events(log(*lines)) if isinstance(each, Run)]

    assert [f"{each.timestamp:%m-%d %H:%M:%S}" for each in runs] == [
        "08-13 21:00:01",
        "08-14 00:30:00",
        "08-14 00:31:01",
    ]


def test_a_piece_of_a_log_has_the_date_that_another_piece_shows(log, tmp_path, monkeypatch):
    lines = [f"{hour % 24:02}:{minute:02}:00 default: jobs.a() ({hour}.{minute})"
             for hour in range(72) for minute in range(60)]  # fmt: skip
    lines = [part for line in lines for part in (line, line.replace("jobs.a()", "Job OK"))]
    lines.insert(-300, "2023-08-13 21:30:00,517 INFO reaped unknown pid 72")
    source = log(*lines)
    monkeypatch.setattr(scanning, "PIECE_SIZE", 20_000)
    pieces = scanning._cut(  # noqa: SLF001 - to see that there are some
        scanning.Piece(source=source, target=tmp_path / "x.csv", zone=UTC, day=None), map
    )
    tally = scan([source], tmp_path, processes=1)
    whole = [each for each in events(source) if isinstance(each, Run)]
    rows = [row.split(",") for path in tally.files for row in path.read_text().splitlines()[1:]]

    assert len(pieces) > 5
    assert not any(each.guessed for each in pieces)
    assert sorted(int(row[0]) for row in rows) == [int(each.timestamp.timestamp() * 1e6) for each in whole]
    assert (whole[0].timestamp.date(), whole[-1].timestamp.date()) == (date(2023, 8, 11), date(2023, 8, 13))


def test_of_many_lines_with_a_date_only_those_beside_a_clock_are_kept():
    content = "22:00:00 a\n" + "".join(f"2023-08-13 22:00:{each} b\n" for each in range(10, 60)) * 100
    found = list(find_clocks(BytesIO((content + "22:01:00 a\n").encode())))

    assert found == [b"22:00:00", b"2023-08-13 22:00:10", b"2023-08-13 22:00:59", b"22:01:00"]


def test_a_line_cut_by_a_block_is_found(monkeypatch):
    monkeypatch.setattr("slowtask.parse.stream.BLOCK_SIZE", 45)
    content = b"22:00:00 a\n" * 3 + b"worker | 2023-08-13 22:00:00 b\n" + b"22:00:01 a\n"

    assert follow_clocks(find_clocks(BytesIO(content))).found.keys() == {date(2023, 8, 13)}


def test_endless_dates_need_no_memory():
    content = "".join(
        f"22:00:00 a\n{1900 + each // 28}-02-{each % 28 + 1:02} 22:00:00\n" for each in range(2800)
    )

    assert len(follow_clocks(find_clocks(BytesIO(content.encode()))).found) == 1000


@pytest.mark.parametrize("log_path", sorted(GOLDEN.glob("rq-*.log")), ids=lambda path: path.stem)
def test_a_log_of_rq_without_other_lines_has_only_clocks(log_path):
    with log_path.open("rb") as stream:
        assert {len(each) for each in find_clocks(stream)} == {8}
