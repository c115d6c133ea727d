"""`slowtask otel` sends each run, over restarts and while the receiver is down, and says what goes wrong."""

import os
import signal
import subprocess
import sys

import pytest
from conftest import wait_until

from logs import line, made, written


@pytest.fixture
def command(receiver, tmp_path, monkeypatch):
    """Starts the real command in a folder of its own, and ends what is left of it."""
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "300")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.5")
    started = []

    def start(*arguments, **environment):
        process = subprocess.Popen(
            [sys.executable, "-m", "slowtask", "otel", *arguments],
            cwd=tmp_path, env=os.environ | environment, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stderr.close()


def stop(process, how=signal.SIGTERM):
    """Stop it; its exit status and what it said."""
    process.send_signal(how)
    _, said = process.communicate(timeout=60)
    return process.returncode, said


def runs_of(*numbers):
    return [made(f"jobs.t{number % 5}", number=number, outcome="success") for number in numbers]


def append(path, runs):
    with path.open("ab") as file:
        file.write(b"".join(line(run) + b"\n" for run in runs))


def attempts(receiver):
    """How many attempts the metrics count, over all starts of the command."""
    return sum(point.as_int for _, _, point in receiver.metrics("slowtask.attempts"))


def test_all_runs_of_the_logs_are_sent_once(receiver, command, tmp_path):
    written(tmp_path / "slowtask.ndjson", runs_of(*range(1500)))
    status, said = stop_at_end(command("--once"))

    assert (status, said) == (0, "")
    assert sorted(receiver.events.values()) == [1] * 1500
    assert attempts(receiver) == 1500


def stop_at_end(process):
    """Its exit status and what it said, when it ends by itself."""
    _, said = process.communicate(timeout=60)
    return process.returncode, said


def test_what_is_appended_is_sent_while_it_runs_and_a_restart_goes_on(receiver, command, tmp_path):
    log = written(tmp_path / "slowtask.ndjson", runs_of(1, 2))
    first = command()
    wait_until(lambda: len(receiver.events) == 2)
    append(log, runs_of(3))
    wait_until(lambda: len(receiver.events) == 3)
    ends = [stop(first)]
    append(log, runs_of(4))
    second = command()
    wait_until(lambda: len(receiver.events) == 4)
    ends.append(stop(second, signal.SIGINT))

    assert ends == [(0, ""), (0, "")]
    assert [*receiver.events.values()] == [1, 1, 1, 1]
    assert attempts(receiver) == 4


def test_while_nothing_is_accepted_runs_wait_in_their_log_and_that_is_said_once(receiver, command, tmp_path):
    receiver.refuse_from = 0
    written(tmp_path / "slowtask.ndjson", runs_of(*range(3000)))
    process = command()
    first = process.stderr.readline()
    receiver.refuse_from = None
    second = process.stderr.readline()
    wait_until(lambda: len(receiver.events) == 3000)

    status, rest = stop(process)
    heard = [first, second, *rest.splitlines()]  # a refused batch may be given up when others go through
    assert status == 0
    assert all("runs aren't accepted (Failed to export" in each for each in heard[::2])
    assert all("accepted again" in each for each in heard[1::2])
    assert len(heard) % 2 == 0
    assert {*receiver.events.values()} == {1}
    assert attempts(receiver) == 3000


def test_what_was_not_accepted_at_the_stop_is_sent_at_the_next_start(receiver, command, tmp_path):
    receiver.refuse_from = 0
    written(tmp_path / "slowtask.ndjson", runs_of(*range(1200)))
    process = command()
    process.stderr.readline()
    status, _ = stop(process)
    receiver.refuse_from = None
    again, _ = stop_at_end(command("--once"))

    assert (status, again) == (1, 0)
    assert sorted(receiver.events.values()) == [1] * 1200
    assert attempts(receiver) == 1200


def test_after_a_kill_runs_are_sent_again_by_the_same_id_and_none_is_missing(receiver, command, tmp_path):
    log = written(tmp_path / "slowtask.ndjson", runs_of(*range(50)))
    process = command(OTEL_METRIC_EXPORT_INTERVAL="3600000")
    wait_until(lambda: len(receiver.events) == 50)
    stop(process, signal.SIGKILL)
    append(log, runs_of(50))
    stop_at_end(command("--once"))

    assert len(receiver.events) == 51
    assert {*receiver.events.values()} == {1, 2}
    assert attempts(receiver) == 51


def test_lines_that_could_not_be_read_are_counted(receiver, command, tmp_path):
    written(tmp_path / "slowtask.ndjson", runs_of(1), b'{"@timestamp":"2026-11-23T23:45:16.8070', b"")
    stop_at_end(command("--once"))

    [(_, attributes, point)] = receiver.metrics("slowtask.unparsed.lines")
    assert (attributes, point.as_int) == ({"slowtask.reason": "torn-json"}, 1)


def test_a_log_that_is_not_there_yet_is_named_and_read_once_it_is(receiver, command, tmp_path):
    process = command("later.ndjson")
    said = process.stderr.readline()
    written(tmp_path / "later.ndjson", runs_of(1))
    wait_until(lambda: len(receiver.events) == 1)

    assert said.startswith("slowtask otel: later.ndjson can't be read (No such file")
    assert stop(process)[0] == 0


@pytest.mark.parametrize(
    ("arguments", "environment", "sentence"),
    [
        (["-"], {}, "stdin can't be followed"),
        (["http://localhost:9200"], {}, "holds events already"),
        ([], {"OTEL_METRIC_EXPORT_INTERVAL": "soon"}, "OTEL_METRIC_EXPORT_INTERVAL=soon"),
        ([], {"OTEL_EXPORTER_OTLP_PROTOCOL": "smoke"}, "OTEL_EXPORTER_OTLP_PROTOCOL=smoke"),
        (["--position", "no/where"], {}, "set --position"),
    ],
)
def test_a_wrong_argument_or_variable_is_one_sentence_and_status_2(
    command, tmp_path, arguments, environment, sentence
):
    written(tmp_path / "slowtask.ndjson", runs_of(1))
    status, said = stop_at_end(command(*arguments, **environment))

    assert status == 2
    assert sentence in said
    assert len(said.splitlines()) == 1
