from pathlib import Path

import duckdb
import msgspec
import pytest
from click.testing import CliRunner

from logs import line, made, written
from slowtask.cli.pack import pack
from slowtask.errors import SlowtaskError
from slowtask.record import event
from slowtask.store import duck, packing

#: As DuckDB says it.
FULL_DISK = (
    'IO Error: Async write failed for range [offset=85, size=36159]: {"exception_type":"IO",'
    '"exception_message":"Could not write file \\"/logs/.a.parquet\\": No space left on device","errno":"28"}'
)
TASK_ID = "1c1aa7d2-3b5f-4a8e-9f2d-0123456789ab"
MONITOR = b'{"@timestamp":"2026-11-06T09:00:00.000000Z","event.id":"0","event.dataset":"slowtask.queue"}'


def run(*arguments):
    """The result of `slowtask pack`; its mistakes are raised."""
    return CliRunner().invoke(pack, [str(each) for each in arguments], catch_exceptions=False)


@pytest.fixture
def log(tmp_path):
    return written(tmp_path / "runs.ndjson.1", [made("a", 1, number, task_id=TASK_ID) for number in range(3)])


def full(**others):
    """A run with every field."""
    values = {
        "start": made().timestamp, "margin": 1, "action": "retried", "reason": "signal 9", "task_id": TASK_ID,
        "attempt": 2, "wait": 3, "cpu": 4, "memory": 5, "queue": "q", "system": "rq", "worker": "w",
        "host": "h", "pid": 6, "service": "s", "version": "v", "environment": "e", "error": "ValueError",
        "message": "m", "stack_trace": "t", "labels": {"tenant": "x"}, "trace": "0af7",
        "span": "b7ad",
    }  # fmt: skip
    return made("a", 1, **(values | others))


def read_back(path):
    """The events in a packed file, times as µs since the epoch."""
    with duckdb.connect() as connection:
        rows = connection.read_parquet(str(path).replace("[", "[[]").replace("*", "[*]"))
        columns = [
            f'epoch_us("{name}")' if kind == "date" else f'"{name}"' for name, kind in event.types().items()
        ]
        found = rows.project(", ".join(columns)).fetchall()
    return [dict(zip(event.types(), row, strict=True)) for row in found]


@pytest.mark.parametrize("task_id", [TASK_ID, "not-a-uuid"])
def test_every_field_can_be_read_back(tmp_path, task_id):
    sent = full(task_id=task_id)
    run(written(tmp_path / "runs.ndjson.1", [sent]))
    found = read_back(tmp_path / "runs.ndjson.1.parquet")[0]
    moment = round(sent.timestamp.timestamp() * 1e6)

    assert str(found.pop("event.id")).replace("-", "") == sent.id
    assert str(found.pop("task.id")) == task_id
    assert msgspec.json.decode(found.pop("labels")) == {"tenant": "x"}
    assert found == {
        name: moment if name in ("@timestamp", "event.start") else value
        for name, value in event.fields(sent).items()
        if name not in ("event.id", "task.id", "labels")
    }


def test_the_log_stays_unless_it_is_to_be_removed(log):
    assert "3 runs" in run(log).output
    assert log.exists()


def test_remove_deletes_a_log_that_is_packed_in_full(log):
    run(log, "--remove")

    assert not log.exists()
    assert len(read_back(f"{log}.parquet")) == 3


@pytest.mark.parametrize("other", [b"nonsense", line(made())[:50], MONITOR], ids=["text", "torn", "monitor"])
def test_a_log_that_holds_anything_else_is_never_removed(tmp_path, other):
    log = written(tmp_path / "runs.ndjson.1", [made()], other)
    found = run(log, "--remove")

    assert "1 line that" in found.output
    assert "the log stays" in found.output
    assert log.exists()
    assert len(read_back(f"{log}.parquet")) == 1


@pytest.mark.parametrize("name", ["slowtask.ndjson", "own.ndjson"])
def test_the_log_being_written_is_left_alone_unless_asked_for(tmp_path, monkeypatch, name):
    log = written(tmp_path / name, [made()])
    monkeypatch.setattr("slowtask.record.settings._settings", None)
    monkeypatch.setenv("SLOWTASK_LOG", str(tmp_path / "own.ndjson"))

    assert "--live packs it" in run(log).output
    assert not Path(f"{log}.parquet").exists()
    assert "1 run," in run(log, "--live").output


def test_text_lines_are_packed_too(tmp_path):
    log = tmp_path / "worker.log.1"
    log.write_text("Time: 2026-11-06 18:47:58,145554 Task: jobs.send_mail Task-time: 4\n")
    run(log)

    assert read_back(f"{log}.parquet")[0]["task.name"] == "jobs.send_mail"


def test_a_folder_of_choice_takes_the_files(log, tmp_path):
    (tmp_path / "packed").mkdir()
    run(log, "--out", tmp_path / "packed")

    assert [each.name for each in (tmp_path / "packed").iterdir()] == ["runs.ndjson.1.parquet"]


def test_what_is_packed_already_can_be_removed_later(log):
    """As by a nightly job that packs at first and removes from some day on."""
    run(log)
    packed = Path(f"{log}.parquet").stat()
    run(log, "--remove")

    assert not log.exists()
    assert Path(f"{log}.parquet").stat().st_mtime_ns == packed.st_mtime_ns


def test_nothing_is_overwritten(log, tmp_path):
    """Rotation by number: another log has the name now."""
    run(log)
    log.rename(tmp_path / "kept")
    written(log, [made(), made()])

    with pytest.raises(SlowtaskError, match="1 of 1 log not packed"):
        run(log, "--remove")
    assert log.exists()


def test_nothing_half_done_is_left_behind(tmp_path):
    log = tmp_path / "x.log.1"
    log.write_text("hello\n")

    with pytest.raises(SlowtaskError):
        run(log)
    assert [each.name for each in tmp_path.iterdir()] == ["x.log.1"]


@pytest.mark.parametrize("name", ["it's.log.1", 'a"b*?[c].log', "a\nb.log"])
def test_a_log_of_any_name_is_packed(tmp_path, name):
    log = written(tmp_path / name, [made()])
    run(log, "--remove")

    assert [each.name for each in tmp_path.iterdir()] == [f"{name}.parquet"]


def test_packed_logs_alone_hold_none_to_pack(log, tmp_path):
    run(log, "--remove")

    assert "no log to pack, only Parquet files" in run(tmp_path).stderr


def test_a_full_disk_is_an_error_and_leaves_nothing(log, tmp_path, monkeypatch):
    def refuse(connection, sql, values):
        if "COPY" in sql:
            raise duckdb.IOException(FULL_DISK)
        return duck.fetch(connection, sql, values)

    monkeypatch.setattr(packing, "fetch", refuse)
    result = CliRunner().invoke(pack, [str(log)])

    assert f"{tmp_path} can't be written to (No space left on device)" in result.stderr
    assert [each.name for each in tmp_path.iterdir()] == [log.name]
