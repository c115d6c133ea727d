"""`slowtask rollup --every`: it stays, says what it did, tries again after a failure, ends by SIGTERM."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
from datetime import timedelta

import click
import pytest
from click.testing import CliRunner

from logs import made, written
from slowtask.cli import slowtask
from slowtask.cli.every import Period, Service
from slowtask.errors import SourceError, UsageError

HOUR = timedelta(hours=1)


class Rounds(threading.Event):
    """The event that stops a service: set after so many *rounds*, without waiting between them."""

    def __init__(self, rounds):
        super().__init__()
        self._rounds, self.waits = rounds, []

    def wait(self, timeout=None):
        self.waits.append(timeout)
        if len(self.waits) == self._rounds:
            self.set()
        return self.is_set()


@pytest.fixture
def serve(capfd):
    def run(work, rounds, **options):
        """What a service that calls *work* so often says, and how long it waits between."""
        service = Service(work, "slowtask rollup")
        service.stop = Rounds(rounds)
        service.run(HOUR, **options)
        return capfd.readouterr(), service.stop.waits

    return run


@pytest.fixture
def count(tmp_path):
    def called():
        """Note one call in a file, since each is in a process of its own."""
        with (tmp_path / "calls").open("a") as file:
            print(os.getpid(), file=file)

    return called


def refuse():
    raise SourceError("logs can't be read: check its path.")


def test_it_is_done_at_once_and_after_every_period(serve, count, tmp_path):
    said, waits = serve(count, 3)

    assert len(set((tmp_path / "calls").read_text().split()) - {str(os.getpid())}) == 3
    assert waits == pytest.approx([3600] * 3, abs=60)
    assert said.err.count("slowtask rollup: done in ") == 3
    assert said.err.endswith("slowtask rollup: stopped.\n")


def test_a_failure_is_told_and_tried_again(serve):
    said, waits = serve(refuse, 2)

    assert said.err.count("slowtask: logs can't be read: check its path.\n") == 2
    assert said.err.count("slowtask rollup: failed with status 1; the next try is at 20") == 2
    assert len(waits) == 2


def test_a_round_that_is_killed_is_tried_again(serve):
    said, _ = serve(lambda: os.kill(os.getpid(), signal.SIGKILL), 2)

    assert said.err.count("slowtask rollup: ended by SIGKILL; the next try is at 20") == 2


def test_a_round_that_is_killed_leaves_no_temporary_file(serve, tmp_path, monkeypatch):
    def work():
        tempfile.mkdtemp()
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    serve(work, 1)

    assert [*tmp_path.iterdir()] == []


def test_a_mistake_of_the_program_doesn_t_end_it(serve):
    said, _ = serve(lambda: 1 / 0, 2)

    assert said.err.count("ZeroDivisionError: division by zero") == 2
    assert said.err.count("failed with status 1") == 2


def test_a_wrong_setting_ends_it_at_the_start(serve, capfd):
    def work():
        raise UsageError("SLOWTASK_ELASTICSEARCH_CA_FILE=ca.pem isn't a file.")

    with pytest.raises(click.exceptions.Exit) as end:
        serve(work, 2)
    assert end.value.exit_code == 2
    assert capfd.readouterr().err == "slowtask: SLOWTASK_ELASTICSEARCH_CA_FILE=ca.pem isn't a file.\n"


def test_a_setting_that_becomes_wrong_later_doesn_t_end_it(serve, tmp_path):
    def work():
        if (tmp_path / "once").exists():
            raise UsageError("The password's file can't be read.")
        (tmp_path / "once").touch()

    said, waits = serve(work, 3)

    assert said.err.count("failed with status 2") == 2
    assert len(waits) == 3


def test_a_success_touches_the_file_and_a_failure_doesn_t(serve, count, tmp_path):
    serve(refuse, 1, done=tmp_path / "failed")
    serve(count, 1, done=tmp_path / "done")

    assert not (tmp_path / "failed").exists()
    assert (tmp_path / "done").exists()


def test_a_file_that_can_t_be_touched_is_told(serve, count, tmp_path):
    said, _ = serve(count, 1, done=tmp_path / "nowhere" / "done")

    assert "nowhere/done can't be touched (No such file or directory)." in said.err


@pytest.mark.parametrize("text", ["0h", "1", "h", "-1h", "1.5h", "9s", "32d", "999999999w", "hourly", ""])
def test_a_wrong_period_is_refused_with_an_example(text):
    with pytest.raises(click.BadParameter, match="is not a period; write it like 15m, 1h or 1d: 10s to 31d"):
        Period().convert(text, None, None)


@pytest.mark.parametrize(("text", "period"), [("10s", timedelta(seconds=10)), (" 1h ", HOUR)])
def test_a_period_is_written_as_other_durations(text, period):
    assert Period().convert(text, None, None) == period


def test_the_file_to_touch_needs_a_period(tmp_path):
    result = CliRunner().invoke(slowtask, ["rollup", str(tmp_path), "--touch", str(tmp_path / "done")])

    assert "--touch is for --every" in str(result.exception)


@pytest.fixture
def service(tmp_path):
    """The real program, which rolls up a folder's logs every hour."""
    written(tmp_path / "logs.ndjson.1", [made("a", 1, number) for number in range(3)])
    command = ["rollup", str(tmp_path / "logs.ndjson.1"), "--out", str(tmp_path / "history"), "--every", "1h"]
    with subprocess.Popen(
        [sys.executable, "-m", "slowtask", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.kill()


def test_the_program_rolls_up_and_stays_until_sigterm(service):
    first = service.stderr.readline()
    alive = service.poll() is None
    service.send_signal(signal.SIGTERM)
    out, rest = service.communicate(timeout=30)

    assert first.startswith("slowtask rollup: done in ")
    assert alive
    assert "logs.ndjson.1: 3 runs" in out
    assert rest == "slowtask rollup: stopped.\n"
    assert service.returncode == 0


#: A round that never ends by itself, in a service.
ENDLESS = """
import time
from datetime import timedelta
from slowtask.cli.every import repeat
def work():
    print("begun", flush=True)
    time.sleep(3600)
repeat(work, "slowtask rollup", timedelta(hours=1), None)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_breaks_off_the_round_that_runs(number):
    command = [sys.executable, "-c", ENDLESS]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        begun = process.stdout.readline()
        process.send_signal(number)
        _, said = process.communicate(timeout=30)

    assert begun == "begun\n"
    assert (process.returncode, said) == (0, "slowtask rollup: stopped.\n")
