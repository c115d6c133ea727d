"""`slowtask parse`."""

import gzip
import os
import subprocess
import sys

import msgspec
import pytest

from places import GOLDEN

TEXT = b"Time: 2021-01-13 10:03:59,202 Task: jobs.send_mail Task-time: 1\n"


def slowtask(*arguments, stdin=b"", cwd=None):
    command = [sys.executable, "-m", "slowtask", "parse", *map(str, arguments)]
    return subprocess.run(command, input=stdin, capture_output=True, check=False, cwd=cwd)


def test_each_event_is_one_line_and_each_refused_line_a_complaint_with_its_place():
    done = slowtask(GOLDEN / "text-format.log")
    names = [msgspec.json.decode(line)["task.name"] for line in done.stdout.splitlines()]

    assert (len(names), names[-1], done.returncode) == (11, "facturación.envío", 0)
    broken = "starts like a known line but is cut short or broken"
    assert done.stderr.decode().splitlines() == [
        f"{GOLDEN}/text-format.log:12: {broken}: Time: 2023-01-05 12:34:57,002 Task: app.demo.jobs.comp",
        f"{GOLDEN}/text-format.log:13: not a known format: not a log line",
        f"11 events from 14 lines, 2 not parsable: 1 {broken}; 1 not a known format",
    ]


def test_quiet_only_counts():
    assert slowtask("--quiet", GOLDEN / "text-format.log").stderr.startswith(
        b"11 events from 14 lines, 2 not"
    )


def test_its_own_output_parses_to_the_same_output():
    once = slowtask("--date", "2026-11-23", *sorted(GOLDEN.glob("*.log"))).stdout

    assert slowtask("-", stdin=once).stdout == once


def test_stdin_may_be_zipped():
    assert b"jobs.send_mail" in slowtask("-", stdin=gzip.compress(TEXT)).stdout


def test_without_arguments_it_reads_our_own_log(tmp_path):
    (tmp_path / "slowtask.ndjson").write_bytes(TEXT)

    assert slowtask(cwd=tmp_path).stderr == b"1 event from 1 line\n"


def test_the_zone_of_times_can_be_named():
    assert b"2021-01-13T09:03:59.202000Z" in slowtask("-", "--timezone", "Europe/Berlin", stdin=TEXT).stdout


@pytest.mark.parametrize(
    ("arguments", "stdin", "status"),
    [
        (["-"], TEXT, 0),
        (["-"], b"", 0),
        (["-"], b"what\n", 1),
        (["none.log"], b"", 1),
        (["--date", "x"], b"", 2),
    ],
)
def test_the_exit_status_says_whether_anything_was_parsed(arguments, stdin, status):
    assert slowtask(*arguments, stdin=stdin).returncode == status


def test_a_zone_that_does_not_exist_is_wrong_use():
    done = slowtask("-", "--timezone", "Europe/Nowhere")

    assert done.returncode == 2
    assert b"is not a time zone" in done.stderr


def test_a_parquet_file_is_wrong_use(tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"PAR1")

    assert slowtask(tmp_path / "a.parquet").returncode == 2


def test_what_a_log_holds_cannot_play_with_the_terminal():
    done = slowtask("-", stdin=b"\x1b]0;owned\x07\x1b[2J what\n")

    assert b"\x1b" not in done.stderr
    assert b"\\x1b]0;owned" in done.stderr


def test_a_pipe_that_closes_ends_it_without_a_word(tmp_path):
    (tmp_path / "a.log").write_bytes(TEXT * 20_000)
    command = f"{sys.executable} -m slowtask parse {tmp_path}/a.log | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, check=True, env=os.environ)  # noqa: S602

    assert done.stdout.count(b"\n") == 1
    assert done.stderr == b""


def test_help_shows_an_example():
    assert b"slowtask parse worker.log" in slowtask("--help").stdout
