import errno
import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from logs import line, made, written
from slowtask.cli.pack import pack
from slowtask.cli.rollup import rollup
from slowtask.errors import SlowtaskError, SourceError
from slowtask.parse.sources import resolve
from slowtask.store import Query
from slowtask.store.files import Files
from slowtask.store.rollup import writing

ALERT = b'{"@timestamp":"2026-11-06T09:00:00.000000Z","event.id":"0","event.dataset":"slowtask.alert"}'


@pytest.fixture
def log(tmp_path):
    return written(tmp_path / "runs.ndjson.1", [made("a", 1, number) for number in range(3)])


@pytest.fixture
def run(tmp_path):
    def invoke(*arguments):
        """The result of `slowtask rollup`; its mistakes are raised."""
        command = [*map(str, arguments), "--out", str(tmp_path / "history")]
        return CliRunner().invoke(rollup, command, catch_exceptions=False)

    return invoke


def test_it_says_what_was_read(run, log):
    assert "runs.ndjson.1: 3 runs, 2026-11-06 09:00 to 2026-11-06 09:00 UTC" in run(log).output


def test_a_log_that_is_in_the_history_is_not_mentioned_again(run, log):
    run(log)

    assert run(log).output == ""


def test_json_has_an_object_for_each_log(run, log):
    [row] = json.loads(run(log, "--json").stdout)

    assert (row["runs"], row["months"], row["known"], row["error"]) == (3, ["2026-11"], False, None)


def test_the_log_that_is_written_is_left_alone(run, tmp_path):
    written(tmp_path / "slowtask.ndjson", [made()])

    assert "no rotated log" in run(tmp_path).stderr


def test_a_history_alone_holds_no_log_to_roll_up(run, log, tmp_path):
    run(log)

    assert "no log to roll up, only files of slowtask rollup" in run(tmp_path / "history").stderr


def test_a_damaged_month_is_not_to_be_left_out_but_moved_away(run, log, tmp_path):
    (tmp_path / "history").mkdir()
    (tmp_path / "history" / "2026-11.rollup.parquet").write_bytes(b"PAR1")

    with pytest.raises(SourceError, match="is damaged: move it away, and name all logs of its month"):
        run(log)


def test_a_month_is_as_before_if_its_disk_is_full(run, log, tmp_path, monkeypatch):
    run(log)
    before = read_all(tmp_path / "history")

    def refuse(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(writing, "replace_file", refuse)
    with pytest.raises(SourceError, match=r"history can't be written to \(No space left on device\)"):
        run(written(tmp_path / "next.ndjson.1", [made("b", 1, 9)]))

    assert read_all(tmp_path / "history") == before


def test_a_month_that_is_damaged_within_is_an_error(run, log, tmp_path):
    run(log)
    damage(tmp_path / "history" / "2026-11.rollup.parquet")

    with pytest.raises(SourceError, match=r"2026-11.rollup.parquet isn't a file .* move it away"):
        run(written(tmp_path / "next.ndjson.1", [made("b", 1, 9)]))
    with pytest.raises(SourceError, match=r"2026-11.rollup.parquet isn't a file .* leave it out"):
        Files(resolve([str(tmp_path / "history")])).measure(Query())


def read_all(folder):
    """What the files of *folder* hold, by name."""
    return {each.name: each.read_bytes() for each in folder.iterdir()}


def damage(path):
    """Overwrite all rows in the Parquet file at *path*, but not what it says of itself at its end."""
    data = bytearray(path.read_bytes())
    end = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    data[4:end] = b"\xff" * (end - 4)
    path.write_bytes(data)


def test_a_file_is_no_folder_for_a_history(run, log, tmp_path):
    (tmp_path / "history").touch()

    with pytest.raises(SourceError, match=r"history can't be used \(it isn't a folder\)"):
        run(log)


@pytest.mark.parametrize("command", [rollup, pack])
def test_a_log_that_cannot_be_deleted_is_an_error(log, tmp_path, monkeypatch, command):
    unlink = Path.unlink

    def refuse(path, **options):
        if path == log:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        unlink(path, **options)

    monkeypatch.setattr(Path, "unlink", refuse)
    folder = tmp_path / "history"
    folder.mkdir()

    with pytest.raises(SourceError, match=r"runs.ndjson.1 can't be deleted \(Permission denied\)"):
        CliRunner().invoke(command, [str(log), "--out", str(folder), "--remove"], catch_exceptions=False)
    assert list(folder.iterdir())


def test_remove_deletes_a_log_of_which_all_is_in_the_history(run, log):
    run(log, "--remove")

    assert not log.exists()


def test_remove_deletes_a_log_that_was_rolled_up_before(run, log):
    run(log)
    run(log, "--remove")

    assert not log.exists()


@pytest.mark.parametrize("other", [ALERT, b"some other program says hello"], ids=["alert", "text"])
def test_a_log_that_holds_anything_else_stays(run, tmp_path, other):
    log = written(tmp_path / "runs.ndjson.1", [made()], other)

    assert "stays" in run(log, "--remove").stderr
    assert log.exists()


def test_a_torn_line_is_counted_and_the_log_stays(run, tmp_path, capsys):
    log = written(tmp_path / "runs.ndjson.1", [made()], line(made(number=9))[:50])

    with pytest.raises(SlowtaskError, match="1 of 1 log not rolled up in full"):
        run(log, "--remove")
    assert log.exists()


def test_a_folder_that_another_rollup_uses_is_refused(run, log, tmp_path):
    folder = tmp_path / "history"
    folder.mkdir()
    descriptor = os.open(folder, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)

    with pytest.raises(SourceError, match="Another slowtask rollup"):
        run(log)
    os.close(descriptor)


def slowtask(*arguments):
    """The result of the real program."""
    command = [sys.executable, "-m", "slowtask", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def old(tmp_path, run):
    """A history of which the log is gone."""
    log = written(tmp_path / "runs.ndjson.1", [made("shop.mail", 1, number * 60) for number in range(600)])
    run(log, "--remove")
    return tmp_path / "history"


def test_top_says_what_comes_from_the_history(old):
    assert "Figures before 2026-11-06 19:00 UTC come from whole hours" in " ".join(
        slowtask("top", old).stdout.split()
    )


def test_top_as_json_says_it_on_stderr(old):
    found = slowtask("top", old, "--json", "--since", "2026-11-06T12:30")

    assert "so the period begins at 2026-11-06 12:00" in found.stderr
    assert [row["count"] for row in json.loads(found.stdout)] == [420]


def test_diff_says_where_its_sides_meet(old):
    found = slowtask("diff", old, "--at", "2026-11-06T12:30", "--json")

    assert "so the period ends at 2026-11-06 12:00" in found.stderr
    assert "so the period begins at 2026-11-06 12:00" in found.stderr


def test_a_report_says_it_and_has_pages_of_tasks(old, tmp_path):
    slowtask("report", old, "--out", tmp_path / "report.html")
    html = (tmp_path / "report.html").read_text()

    assert "come from whole hours of the history" in html
    assert "In detail: shop" in html
    assert "The history has no single runs" in html
    assert "as the logs are large" not in html


def test_a_task_is_shown_with_what_is_not_known(old):
    found = slowtask("task", "mail", old)

    assert found.returncode == 0
    assert "600, 10m 0s in all: not failed 600" in found.stdout
    assert "The history has no single runs" in found.stdout
    assert "figures before 2026-11-06 19:00 UTC come from whole hours" in found.stderr


def test_a_task_as_json_has_null_where_nothing_is_known(old):
    row = json.loads(slowtask("task", "mail", old, "--json").stdout)

    assert (row["count"], row["max"], row["retries"], row["worst"], row["behind"]) == (
        600,
        1,
        None,
        None,
        None,
    )


def test_a_task_says_from_when_on_the_logs_know_more(old, tmp_path):
    log = written(tmp_path / "new.ndjson", [made("shop.mail", 1, 50_000)])

    assert "from 2026-11-06 19:00 UTC on: choose --since 2026-11-06T19:00" in " ".join(
        slowtask("task", "mail", old, log).stdout.split()
    )


def test_a_period_that_is_empty_by_its_full_hours_says_so(old):
    found = slowtask("top", old, "--since", "2026-11-06T12:10", "--until", "2026-11-06T12:50")

    assert "so the period begins at 2026-11-06 12:00 and ends at 2026-11-06 12:00" in found.stderr


@pytest.mark.parametrize("command", ["behind", "whatif"])
def test_commands_that_need_single_runs_say_that_there_are_none(old, command):
    found = slowtask(command, old)

    assert found.returncode == 1
    assert found.stderr == (
        "slowtask: A history of slowtask rollup holds no single runs:"
        " name logs, or ask slowtask top, task, diff or report.\n"
    )


def test_a_rollup_that_is_killed_is_completed_by_the_next(tmp_path):
    logs, history = tmp_path / "logs", tmp_path / "history"
    logs.mkdir()
    for number in range(4):
        runs = [made("a", 1, day * 86_400 + number, id=f"{number}-{day}") for day in range(0, 360, 2)]
        written(logs / f"runs.ndjson.{number}", runs)
    command = [sys.executable, "-m", "slowtask", "rollup", str(logs), "--out", str(history), "--remove"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None and not [*history.glob("*.rollup.parquet")]:
            pass
        process.kill()
    slowtask("rollup", logs, "--out", history, "--remove")

    assert [*logs.iterdir()] == []
    assert [row["count"] for row in json.loads(slowtask("top", history, "--json").stdout)] == [720]
