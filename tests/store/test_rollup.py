"""The history: what is in its files, and that each log is in it once."""

import gzip
import random
import shutil
from collections import Counter

import duckdb
import pytest

from logs import BEGIN, line, made, written
from slowtask.errors import SourceError
from slowtask.parse.sources import resolve
from slowtask.store.packing import pack
from slowtask.store.rollup import writing
from slowtask.store.rollup.writing import History, lock_folder

DAY = 86_400


def some_runs(count, seed=1, days=70):
    """Runs at random times, also without a time, a wait, a queue, a version or an exception."""
    chance = random.Random(seed)
    return sorted(
        (
            made(
                chance.choice(["a", "b", "c"]),
                chance.choice([None, 0, 1e-9, *(chance.lognormvariate(0, 2) for _ in range(9))]),
                chance.randrange(days * DAY),
                id=f"{chance.getrandbits(128):032x}",
                wait=chance.choice([None, 0, *(int(chance.lognormvariate(20, 2)) for _ in range(6))]),
                queue=chance.choice([None, "mail", "slow"]),
                version=chance.choice([None, "1.4", "1.5"]),
                worker=chance.choice(["w1", "w2"]),
                **chance.choice(
                    [{}, {}, {"outcome": "failure", "error": "KeyError"}, {"outcome": "failure"}]
                ),
            )
            for _ in range(count)
        ),
        key=lambda run: run.timestamp,
    )


def logs_of(folder, runs, number):
    """The *runs* in so many rotated logs, one after the other."""
    folder.mkdir(exist_ok=True)
    size = -(-len(runs) // number)
    return [
        written(folder / f"runs.ndjson.{place}", runs[place * size : (place + 1) * size])
        for place in range(number)
    ]


def roll(folder, *paths):
    """What became of each log at *paths*."""
    folder.mkdir(exist_ok=True)
    return [*History(folder=folder).add(resolve([str(each) for each in paths]))]


def roll_until_the_second_month(folder, *paths):
    """Roll up the logs at *paths*, and break off when the second month's file is to be put in place."""
    replaced = []

    def fail_at_the_second(new, path):
        replaced.append(path)
        if len(replaced) == 2:
            raise KeyboardInterrupt
        new.replace(path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writing, "replace_file", fail_at_the_second)
        with pytest.raises(KeyboardInterrupt):
            roll(folder, *paths)


def rows(folder, columns, kind):
    """The *columns* of all rows of one kind in the history in *folder*."""
    with duckdb.connect() as connection:
        files = connection.read_parquet(f"{folder}/*.parquet")
        return files.filter(f"kind = '{kind}'").project(columns).fetchall()


@pytest.fixture
def history(tmp_path):
    return tmp_path / "history"


@pytest.mark.parametrize("kind", ["hour", "day", "month"])
def test_every_run_is_in_one_cell_of_each_kind(tmp_path, history, kind):
    runs = some_runs(2_000)
    roll(history, *logs_of(tmp_path / "logs", runs, 3))
    sums = (
        "sum(runs), sum(timed), sum(total), sum(failures),"
        " sum(list_sum(time_counts)), sum(list_sum(wait_counts))"
    )
    timed = [each.duration for each in runs if each.duration is not None]
    failed = sum(each.outcome == "failure" for each in runs)
    waits = sum(each.wait is not None for each in runs)

    assert rows(history, sums, kind) == [(2_000, len(timed), sum(timed), failed, len(timed), waits)]


def test_logs_that_are_rolled_up_one_by_one_make_the_same_cells(tmp_path, history):
    logs = logs_of(tmp_path / "logs", some_runs(2_000), 3)
    roll(history, *logs)
    for each in reversed(logs):
        roll(tmp_path / "other", each)
    columns = (
        "start::VARCHAR, task, queue, version, runs, max, first::VARCHAR, time_bins, time_counts, wait_bins"
    )

    for kind in ("hour", "day", "month"):
        assert Counter(map(str, rows(history, columns, kind))) == Counter(
            map(str, rows(tmp_path / "other", columns, kind))
        )


def test_a_log_is_rolled_up_once(tmp_path, history):
    logs = logs_of(tmp_path / "logs", some_runs(300), 2)
    roll(history, *logs)

    assert [each.known for each in roll(history, *logs)] == [True, True]
    assert rows(history, "sum(runs)", "hour") == [(300,)]


def rename(path):
    return path.rename(path.with_name("renamed.ndjson"))


def compress(path):
    zipped = path.with_name(f"{path.name}.gz")
    zipped.write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    return zipped


def pack_it(path):
    [source] = resolve([str(path)])
    packed = pack(source, path, path.parent).target
    path.unlink()
    return packed


@pytest.mark.parametrize("change", [rename, compress, pack_it])
def test_a_log_is_known_after_it_was_renamed_compressed_or_packed(tmp_path, history, change):
    [log] = logs_of(tmp_path / "logs", some_runs(300), 1)
    roll(history, log)

    assert roll(history, change(log))[0].known


def test_a_log_that_was_packed_before_is_known_as_it_was(tmp_path, history):
    [log] = logs_of(tmp_path / "logs", some_runs(300), 1)
    copy = shutil.copy(log, tmp_path / "copy.ndjson")
    roll(history, pack_it(log))

    assert roll(history, copy)[0].known


def test_a_log_that_has_grown_is_an_error_and_counts_once(tmp_path, history):
    [log] = logs_of(tmp_path / "logs", some_runs(300), 1)
    roll(history, log)
    with log.open("ab") as file:
        file.write(line(made("late", 1, 5)) + b"\n")

    assert "isn't what it was" in str(roll(history, log)[0].error)
    assert rows(history, "sum(runs)", "hour") == [(300,)]


def test_one_log_twice_under_two_names_counts_once(tmp_path, history):
    [log] = logs_of(tmp_path / "logs", some_runs(300), 1)
    copy = shutil.copy(log, tmp_path / "copy.ndjson")

    assert [each.known for each in roll(history, log, copy)] == [False, True]
    assert rows(history, "sum(runs)", "hour") == [(300,)]


def test_a_rollup_that_ended_between_two_months_is_completed(tmp_path, history):
    logs = logs_of(tmp_path / "logs", some_runs(900), 2)
    roll_until_the_second_month(history, *logs)
    roll(history, *logs)

    assert rows(history, "sum(runs)", "hour") == [(900,)]
    assert [each.name for each in history.iterdir() if each.name.startswith(".")] == []


def test_who_was_busy_and_what_the_monitor_saw_is_kept(tmp_path, history):
    sample = (
        b'{"@timestamp":"%s","event.dataset":"slowtask.queue","event.id":"%d","queue.name":"mail",'
        b'"queue.depth":%d,"broker.name":"redis","broker.capacity":0.%d}'
    )
    log = written(
        tmp_path / "runs.ndjson.1",
        [made(number=number, worker="w", queue="mail") for number in range(5)],
        sample % (b"2026-11-06T09:10:00Z", 1, 7, 3),
        sample % (b"2026-11-06T09:20:00Z", 2, 9, 2),
    )
    roll(history, log)

    assert [len(seats) for (seats,) in rows(history, "seats", "workers")] == [1]
    assert rows(history, "queue, depth", "depth") == [("mail", 9)]
    assert rows(history, "broker, capacity", "capacity") == [("redis", 0.3)]


def test_only_one_rollup_writes_to_a_folder(history):
    with (
        lock_folder(history),
        pytest.raises(SourceError, match="Another slowtask rollup"),
        lock_folder(history),
    ):
        pass


def test_days_begin_at_midnight_utc(tmp_path, history):
    roll(history, written(tmp_path / "runs.ndjson.1", [made(number=15 * 3_600 - 1)]))

    assert rows(history, "epoch(start)", "day") == [(BEGIN.replace(hour=0).timestamp(),)]


@pytest.mark.parametrize("time", ["infinity", "290000-01-01T00:00:00Z", "0001-01-01T00:00:00Z"])
def test_a_run_at_an_impossible_time_is_counted_as_not_read(tmp_path, history, time):
    odd = line(made()).replace(b"2026-11-06T09:00:00.000000Z", time.encode())
    [found] = roll(history, written(tmp_path / "runs.ndjson.1", [made(number=5)], odd))

    assert (found.mark.runs, found.mark.bad, found.mark.months) == (1, 1, ("2026-11",))
    assert found.read.bad.count == 1
