"""A history and logs are read as one: each run counts once, and the figures are those of the logs."""

import json
import random
from dataclasses import asdict
from datetime import datetime, timedelta

import duckdb
import pytest
from test_rollup import logs_of, pack_it, roll, roll_until_the_second_month, some_runs

from logs import BEGIN, line, made, written
from slowtask.errors import SourceError, UsageError
from slowtask.parse.sources import resolve
from slowtask.store import Query
from slowtask.store.files import Files
from slowtask.store.rollup import writing
from slowtask.store.rollup.marks import Mark
from slowtask.store.rollup.months import Month
from slowtask.store.rollup.seam import find_months
from slowtask.store.rollup.spans import cover
from slowtask.store.slots import DAY, HOUR

QUERIES = {
    "all": Query(),
    "whole hours": Query(since=BEGIN + timedelta(days=3, hours=5), until=BEGIN + timedelta(days=55, hours=7)),
    "queue": Query(queues=("mail",)),
    "version": Query(where=(("service.version", "1.4"),)),
    "task": Query(where=(("task.name", "a"),)),
    "by queue": Query(group="queue.name"),
}
#: How far percentiles may be from the exact ones, where enough runs are near them.
CLOSE = 0.01


def store(*paths):
    return Files(resolve([str(each) for each in paths]))


def by_task(figures):
    """What is known of each task, but for the name."""
    return {
        each.task: {key: value for key, value in asdict(each).items() if key != "task"} for each in figures
    }


@pytest.fixture
def history(tmp_path):
    return tmp_path / "history"


@pytest.fixture
def logs(tmp_path):
    return logs_of(tmp_path / "logs", some_runs(3_000), 6)


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_figures_without_the_logs_are_those_of_the_logs(logs, history, query):
    exact = by_task(store(*logs).measure(query).figures)
    roll(history, *logs)
    for each in logs:
        each.unlink()
    found = by_task(store(history).measure(query).figures)

    assert found == {task: pytest.approx(figures, rel=CLOSE) for task, figures in exact.items()}


def test_workers_are_counted_without_the_logs(logs, history):
    exact = store(*logs).measure(Query()).workers
    roll(history, *logs)

    assert exact
    assert store(history).measure(Query()).workers == exact


@pytest.mark.parametrize("seed", range(5))
def test_logs_that_are_there_gone_new_or_packed_count_once(tmp_path, logs, history, seed):
    chance = random.Random(seed)
    exact = by_task(store(*logs).measure(Query()).figures)
    roll(history, *chance.sample(logs, 4))
    known = {mark.name for month in writing.read_months(writing.find_files(history)) for mark in month.marks}
    named = [
        pack_it(log) if chance.random() < 0.3 else log
        for log in logs
        if str(log) not in known or chance.random() < 0.5
    ]
    found = by_task(store(*named, history).measure(Query()).figures)

    assert found == {task: pytest.approx(figures, rel=CLOSE) for task, figures in exact.items()}


def test_all_logs_beside_their_history_are_read_exactly(logs, history):
    exact = store(*logs).measure(Query())
    roll(history, *logs)
    found = store(*logs, history).measure(Query())

    assert by_task(found.figures) == {
        task: pytest.approx(each) for task, each in by_task(exact.figures).items()
    }
    assert found.history is None


def test_a_later_period_is_read_from_the_logs_alone_by_any_field(logs, history):
    roll(history, *logs)
    logs[0].unlink()
    query = Query(since=BEGIN + timedelta(days=40, minutes=7), group="worker.name")
    found = store(*logs[1:], history).measure(query)

    assert {each.task for each in found.figures} == {"w1", "w2"}
    assert found.history is None


def test_a_field_that_the_history_does_not_know_is_an_error(logs, history):
    roll(history, *logs)

    with pytest.raises(
        UsageError, match="knows only task, queue and version, not worker: choose later runs by"
    ):
        store(history).measure(Query(group="worker.name"))


def test_a_limit_counts_from_its_full_hour(logs, history):
    since = BEGIN + timedelta(days=3, minutes=40)
    exact = store(*logs).measure(Query(since=BEGIN + timedelta(days=3)))
    roll(history, *logs)
    found = store(history).measure(Query(since=since))

    assert sum(each.count for each in found.figures) == sum(each.count for each in exact.figures)
    assert found.history.since_moved == BEGIN + timedelta(days=3)


@pytest.mark.parametrize("at", [BEGIN + timedelta(days=30), BEGIN + timedelta(days=52)])
def test_a_comparison_is_that_of_the_logs(logs, history, at):
    before, after = Query(until=at), Query(since=at)
    exact = store(*logs).compare(before, after)
    roll(history, *logs)
    for each in logs[:4]:
        each.unlink()
    found = store(*logs[4:], history).compare(before, after)

    for side in ("before", "after"):
        assert by_task(getattr(found, side).figures) == {
            task: pytest.approx(figures, rel=CLOSE)
            for task, figures in by_task(getattr(exact, side).figures).items()
        }
    assert {pair.task: (pair.before.times, pair.after.times) for pair in found.pairs} == {
        pair.task: (pair.before.times, pair.after.times) for pair in exact.pairs
    }


def test_a_history_over_time_is_that_of_the_logs(logs, history):
    choose = lambda measurement: sorted(each.task for each in measurement.figures)[:2]  # noqa: E731
    exact = store(*logs).history(Query(), choose)
    roll(history, *logs)
    for each in logs[:4]:
        each.unlink()
    found = store(*logs[4:], history).history(Query(), choose)

    assert (found.width, found.first, found.last) == (exact.width, exact.first, exact.last)
    assert [(each.at, each.task, each.count) for each in found.tasks] == [
        (each.at, each.task, each.count) for each in exact.tasks
    ]
    assert [each.total for each in found.tasks] == pytest.approx(
        [each.total for each in exact.tasks], rel=CLOSE
    )
    assert [(each.error, each.count, each.tasks) for each in found.failures] == [
        (each.error, each.count, each.tasks) for each in exact.failures
    ]
    assert found.wait == pytest.approx(exact.wait, rel=0.02)


def test_a_short_history_has_slots_of_an_hour(tmp_path, history):
    log = written(tmp_path / "runs.ndjson.1", [made(number=number * 60) for number in range(180)])
    roll(history, log)

    assert store(history).history(Query(), lambda _: ["jobs.thumb"]).width == HOUR


def test_what_the_monitor_saw_is_in_the_history(tmp_path, history):
    sample = (
        b'{"@timestamp":"2026-11-06T09:10:00Z","event.dataset":"slowtask.queue","event.id":"1",'
        b'"queue.name":"mail","queue.depth":7,"broker.name":"redis","broker.capacity":0.3}'
    )
    log = written(tmp_path / "runs.ndjson.1", [made(number=9, queue="mail", wait=5)], sample)
    roll(history, log)
    found = store(history).history(Query(), lambda _: [])

    assert [(each.queue, each.depth) for each in found.queues] == [("mail", 7)]
    assert [(each.broker, each.capacity) for each in found.brokers] == [("redis", 0.3)]


def test_an_interrupted_rollup_counts_each_run_once(logs, history):
    exact = by_task(store(*logs).measure(Query()).figures)
    roll(history, *logs[:2])
    roll_until_the_second_month(history, *logs)
    logs[0].unlink()
    found = store(*logs[1:], history).measure(Query())

    assert by_task(found.figures) == {task: pytest.approx(each, rel=CLOSE) for task, each in exact.items()}
    assert not found.history.unfinished


def test_a_reader_is_told_that_a_rollup_was_interrupted(tmp_path, history, monkeypatch):
    [log] = logs_of(tmp_path / "logs", some_runs(500), 1)

    def fail_at_the_second(new, path):
        if "2026-12" in str(path):
            raise KeyboardInterrupt
        new.replace(path)

    monkeypatch.setattr(writing, "replace_file", fail_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        roll(history, log)

    assert store(history).measure(Query()).history.unfinished


def test_lines_that_were_not_read_are_counted_also_later(tmp_path, history):
    roll(history, written(tmp_path / "runs.ndjson.1", [made()], line(made(number=9))[:50]))

    assert store(history).measure(Query()).bad.count == 1


def test_a_log_that_has_grown_is_not_read_beside_its_history(logs, history):
    roll(history, *logs)
    with logs[0].open("ab") as file:
        file.write(line(made("late", 1, 5)) + b"\n")

    with pytest.raises(SourceError, match="isn't what it was"):
        store(*logs, history).measure(Query())


@pytest.mark.parametrize("damage", [lambda data: data[:500], lambda _: b"", lambda _: b"nonsense"])
def test_a_damaged_file_of_a_history_is_named(logs, history, damage):
    roll(history, *logs)
    path = history / "2026-12.rollup.parquet"
    path.write_bytes(damage(path.read_bytes()))

    with pytest.raises(SourceError, match=r"2026-12.* isn't a file of slowtask rollup, or is damaged"):
        store(history).measure(Query())


def test_single_runs_are_read_from_logs_alone(logs, history):
    roll(history, *logs)

    with pytest.raises(SourceError, match="holds no single runs"):
        store(history).columns(Query())
    assert store(*logs, history).columns(Query())


def test_odd_names_of_tasks_and_logs_are_kept(tmp_path, history):
    names = ["'; DROP TABLE cells; --", "slowtask.rollup", "a\nb", "ünï\u202e", "*[]?"]
    log = written(
        tmp_path / "odd 'name' [1]*.ndjson.1",
        [made(name, 1, place, queue=name, version=name) for place, name in enumerate(names)],
    )
    roll(history, log)
    log.unlink()

    assert {each.task for each in store(history).measure(Query()).figures} == {*names}
    assert {each.task for each in store(history).measure(Query(queues=(names[0],))).figures} == {names[0]}


def test_a_period_is_covered_by_few_cells():
    begin, end = datetime.fromisoformat("2026-01-30T22:00Z"), datetime.fromisoformat("2026-04-02T03:00Z")
    pieces = [
        (each.span, each.begin.isoformat()[:13], each.end.isoformat()[:13]) for each in cover(begin, end)
    ]

    assert pieces == [
        ("hour", "2026-01-30T22", "2026-01-31T00"),
        ("day", "2026-01-31T00", "2026-02-01T00"),
        ("month", "2026-02-01T00", "2026-04-01T00"),
        ("day", "2026-04-01T00", "2026-04-02T00"),
        ("hour", "2026-04-02T00", "2026-04-02T03"),
    ]


def test_wide_slots_take_days(logs, history):
    roll(history, *logs)

    assert store(history).history(Query(), lambda _: []).width % DAY == 0


def test_a_log_with_an_odd_name_counts_only_from_the_seam_on(tmp_path, history):
    log = written(tmp_path / "odd 'name' [1]*.ndjson.1", [made("a", 1, hour * 1_800) for hour in range(20)])
    other = written(tmp_path / "other.ndjson.1", [made("b", 1, hour * 1_800 + 1) for hour in range(9)])
    roll(history, log, other)
    other.unlink()
    found = store(log, history).measure(Query())

    assert {each.task: each.count for each in found.figures} == {"a": 20, "b": 9}


@pytest.fixture
def few(tmp_path):
    return logs_of(tmp_path / "logs", some_runs(300), 2)


def change_file(path, columns, marks=None):
    """Write the history's file at *path* anew as a stranger might: with other *columns*, or other *marks*."""
    with duckdb.connect() as connection:
        [(text,)] = connection.execute(
            "SELECT decode(value) FROM parquet_kv_metadata(?) WHERE decode(key) = 'slowtask.rollup'",
            [str(path)],
        ).fetchall()
        contents = json.loads(text)
        contents["logs"] = [mark | (marks or {}) for mark in contents["logs"]]
        changed = path.with_suffix(".changed")
        connection.execute(
            f"COPY (SELECT {columns} FROM '{path}') TO '{changed}'"  # noqa: S608 - the test's own
            " (FORMAT parquet, KV_METADATA {'slowtask.rollup': $text})",
            {"text": json.dumps(contents)},
        )
        changed.replace(path)


STRANGERS = {
    "a column is missing": "* EXCLUDE (runs)",
    "a column is of another type": "* REPLACE ('many' AS timed)",
    "a column is a struct": "* REPLACE ({'a': 1} AS task)",
    "a count is unknown": "* REPLACE (NULL::BIGINT AS failures)",
    "a count is below 0": "* REPLACE (-1::BIGINT AS killed)",
    "a sum would overflow": "* REPLACE (9223372036854775807 AS runs)",
    "a time is not a number": "* REPLACE ('nan'::DOUBLE AS total)",
    "a time is endless": "* REPLACE ('inf'::DOUBLE AS cpu)",
    "names are a bomb": "* REPLACE (repeat('x', 8_000_000) AS task)",  # in 150 rows
}


@pytest.mark.parametrize("columns", STRANGERS.values(), ids=STRANGERS)
def test_a_history_that_a_stranger_wrote_is_named_and_not_read(few, history, columns):
    roll(history, *few)
    path = history / "2026-12.rollup.parquet"
    change_file(path, columns)

    with pytest.raises(SourceError, match=r"2026-12.* isn't a file of slowtask rollup, or is damaged"):
        store(history).measure(Query())


@pytest.mark.parametrize("month", ["x", "99999-99", "2026-13", "../../x"])
def test_a_history_of_a_month_that_there_is_not_is_named_and_not_read(few, history, month):
    roll(history, *few)
    change_file(history / "2026-12.rollup.parquet", "*", {"months": [month]})

    with pytest.raises(SourceError, match=r"2026-12.* isn't a file of slowtask rollup, or is damaged"):
        store(history).measure(Query())


def test_bins_that_a_stranger_filled_until_they_overflow_are_an_error_in_words(few, history):
    roll(history, *few)
    for path in history.iterdir():
        change_file(path, "* REPLACE ([9223372036854775807 FOR _ IN time_counts] AS time_counts)")

    with pytest.raises(SourceError, match=r"The logs can't be read: .*INT128"):
        store(history).measure(Query())


def test_a_hundred_thousand_logs_in_a_history_are_known_in_time(history):
    """Each is looked for among the others once."""
    marks = [Mark(name=f"{n}", months=("2026-11",), begin=0, end=n, runs=1) for n in range(100_000)]
    months = [Month(path=history / "2026-11", name="2026-11", marks=tuple(marks))]

    having = find_months(months)

    assert all(having[mark] == {"2026-11"} for mark in marks)
