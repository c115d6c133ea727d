"""A name of a file that is meant to play with the terminal is shown escaped, whatever is said of it."""

import os
import subprocess
import sys

import pytest

from logs import made, written

HOSTILE = "q\x1b]0;owned\x07.ndjson.1"
ESCAPED = r"q\x1b]0;owned\x07"


def run(*arguments, cwd):
    """The command in *cwd*, with what it prints in one text."""
    command = [sys.executable, "-m", "slowtask", *arguments]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SLOWTASK_")}
    done = subprocess.run(
        command,
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.stdout


@pytest.mark.parametrize(
    "command",
    [
        ("top", HOSTILE),
        ("rollup", "runs.ndjson.1", "--out", f"{HOSTILE}/history"),
        ("report", "runs.ndjson.1", "--out", f"{HOSTILE}/report.html"),
        ("serve", "runs.ndjson.1", "--listen", f"{HOSTILE}:80"),
        ("serve", "runs.ndjson.1", "--config", HOSTILE),
        ("status", "--check", "--config", HOSTILE),
    ],
    ids=lambda command: " ".join(command[:1] + command[2:3]),
)
def test_an_error_names_the_file_escaped(tmp_path, command):
    written(tmp_path / "runs.ndjson.1", [made()])
    shown = run(*command, cwd=tmp_path)

    assert ESCAPED in shown
    assert "\x1b" not in shown


@pytest.mark.parametrize("command", [("report", HOSTILE, "--out", f"{HOSTILE}.html"), ("rollup", HOSTILE)])
def test_a_success_names_it_escaped(tmp_path, command):
    written(tmp_path / HOSTILE, [made()])
    shown = run(*command, cwd=tmp_path)

    assert ESCAPED in shown
    assert "\x1b" not in shown
