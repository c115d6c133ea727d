"""A line that isn't ours costs a log of ours one more look, and nothing is read otherwise for it."""

import io

import msgspec
import pytest

from logs import line, made
from slowtask.parse import scan
from slowtask.parse.events import events
from slowtask.parse.items import Reason
from slowtask.parse.sources import Source
from slowtask.parse.strays import find_strays, read_strays
from slowtask.record.event import Run
from slowtask.store import Query
from slowtask.store.files import Files

OURS = line(made()).rstrip(b"\n")
STRANGE = {
    "torn": OURS[:80],
    "torn at its end": OURS[:-1],
    "glued": OURS[:80] + OURS,
    "text": b"Time: 2026-11-06 18:47:58,145 Task: jobs.text Task-time: 4",
    "celery": b"[2026-11-23 18:48:35,822: INFO/ForkPoolWorker-1] Task tasks.a[96e2] succeeded in 0.1s: 1",
    "foreign JSON": b'{"level":"info"}',
    "nonsense": b"hello",
    "spaces": b"   ",
}


@pytest.fixture
def log(tmp_path):
    """Writes a log of ours with other lines at some places of a hundred."""

    def write(others, places=(0, 40, 41, 99)):
        lines = [line(made(number=number)).rstrip(b"\n") for number in range(100)]
        for place in reversed(places):
            lines[place:place] = others
        path = tmp_path / "runs.ndjson"
        path.write_bytes(b"\n".join(lines) + b"\n")
        return Source(path=path, kind="lines")

    return write


def read(source):
    """What the parser makes of *source*: how many runs, how many lines that are none."""
    items = list(events(source))
    runs = sum(isinstance(each, Run) for each in items)
    return runs, len(items) - runs


@pytest.mark.parametrize("kind", STRANGE)
def test_strays_are_found_where_they_stand(kind):
    content = OURS + b"\n" + STRANGE[kind] + b"\n\n" + OURS + b"\n" + STRANGE[kind]
    place = len(OURS) + 1
    last = place + len(STRANGE[kind]) + 2 + len(OURS) + 1

    found = list(find_strays(io.BytesIO(content)))
    assert found == [(2, place, STRANGE[kind]), (5, last, STRANGE[kind])]


def test_lines_of_ours_are_no_strays():
    assert list(find_strays(io.BytesIO((OURS + b"\n") * 9))) == []


@pytest.mark.parametrize("kind", [kind for kind in STRANGE if kind != "spaces"])
def test_a_log_with_strays_is_ranked_as_it_is_parsed(log, kind, monkeypatch):
    """And not read line by line for it."""
    source = log([STRANGE[kind]], places=(1, 40, 41, 99))
    monkeypatch.setattr(scan, "scan", pytest.fail)
    found = Files([source]).measure(Query())

    assert (sum(each.count for each in found.figures), found.bad.count) == read(source)


def test_a_log_with_strays_of_all_kinds_is_ranked_as_it_is_parsed(log):
    source = log(list(STRANGE.values()))
    found = Files([source]).measure(Query())

    assert (sum(each.count for each in found.figures), found.bad.count) == read(source)


def test_events_in_another_order_of_fields_are_not_counted_twice_for_as_many_broken_ones(log):
    """DuckDB counts the first; the second look like lines of ours."""
    other = msgspec.json.encode(dict(reversed(msgspec.json.decode(OURS).items())))
    source = log([other, OURS.replace(b"success", b"sideways")], places=(1, 40))
    found = Files([source]).measure(Query())

    assert (sum(each.count for each in found.figures), found.bad.count) == read(source) == (102, 2)


def test_a_stray_is_told_with_its_line(log):
    found = Files([log([b'{"@timestamp":"2026'], places=(40,))]).measure(Query())

    assert [each.rpartition("/")[2] for each in found.bad.examples] == [
        f"runs.ndjson:41: {Reason.TORN.sentence}"
    ]


def test_where_the_count_differs_all_is_to_be_read(log, tmp_path):
    assert read_strays(log([b"hello"]), 3, tmp_path / "rows.csv") is None
