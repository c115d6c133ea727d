import fcntl
import json
import os

import pytest
from click.testing import CliRunner

from logs import line, made, written
from slowtask.cli.rollup import rollup
from slowtask.errors import SlowtaskError, SourceError

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
