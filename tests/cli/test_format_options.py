"""`--head` and `--fields` on every command that reads logs, and the settings of these names."""

import os
import subprocess
import sys

import msgspec
import pytest

from logs import line, made

#: Commands, and what they print about the task in the log.
COMMANDS = {
    ("parse",): '"task.name":"jobs.thumb"',
    ("top",): "jobs.thumb used 100 %",
    ("behind",): "jobs.thumb",
    ("whatif",): "20 runs of 1 task",
    ("report", "--out", "-"): "jobs.thumb used",
}
FIELDS = "payload.words=text,moment=time"


@pytest.fixture
def log(tmp_path):
    """A log of our own lines, each in a field of another program's JSON."""
    runs = [made(number=each, wait=10**9, worker="w", queue="q", took=1) for each in range(20)]
    carried = [{"payload": {"words": line(run).decode()}, "moment": "2026-11-06T09:00:00Z"} for run in runs]
    (tmp_path / "worker.json").write_bytes(b"\n".join(map(msgspec.json.encode, carried)) + b"\n")
    return tmp_path / "worker.json"


def slowtask(*arguments, **settings):
    return subprocess.run(
        [sys.executable, "-m", "slowtask", *map(str, arguments)],
        capture_output=True, text=True, check=False, env=os.environ | settings,
    )  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_command_that_reads_logs_takes_the_names_of_fields(log, command):
    output = slowtask(*command, log, "--fields", FIELDS).stdout

    assert COMMANDS[command] in output.replace("\N{NO-BREAK SPACE}", " ")
    assert COMMANDS[command] not in slowtask(*command, log).stdout.replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_head_that_cannot_be_used_is_wrong_use_of_each(log, command):
    done = slowtask(*command, log, "--head", "%{NOTHING_SUCH}")

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "there is no pattern NOTHING_SUCH" in done.stderr


def test_pack_takes_the_settings(log):
    done = slowtask("pack", log, SLOWTASK_LOG_FIELDS=FIELDS)

    assert "worker.json: 20 runs" in done.stdout


def test_a_setting_that_cannot_be_used_is_one_line(log):
    done = slowtask("pack", log, SLOWTASK_LOG_FIELDS="a=b")

    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "SLOWTASK_LOG_HEAD or SLOWTASK_LOG_FIELDS is wrong: there is no kind 'b'; the kinds are text," in (
        done.stderr
    )


def test_an_option_wins_over_a_setting(log):
    done = slowtask("top", log, "--fields", FIELDS, SLOWTASK_LOG_FIELDS="moment=text")

    assert "jobs.thumb used" in done.stdout.replace("\N{NO-BREAK SPACE}", " ")


def test_an_empty_setting_is_none(log):
    assert slowtask("top", log, "--fields", FIELDS, SLOWTASK_LOG_HEAD="").returncode == 0
