"""Text that a terminal can't show is replaced, in every command: real processes, in each encoding."""

import contextlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import rq
from conftest import PATIENCE, wait_until

from logs import made, written
from slowtask.demo import tasks

SLOWTASK = str(Path(sys.executable).parent / "slowtask")
NAMES = ["shop.größe", "shop.メール", "shop.→.…", "shop.plain"]
#: By the encoding that the terminal has then.
ENVIRONMENTS = {
    "ascii": {"PYTHONIOENCODING": "ascii"},
    "C": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "latin-1": {"PYTHONIOENCODING": "latin-1"},
    "utf-8": {"PYTHONIOENCODING": "utf-8"},
}
CODECS = {"ascii": "ascii", "C": "ascii", "latin-1": "latin-1", "utf-8": "utf-8"}


RARE = [pytest.param(each, marks=pytest.mark.rare) for each in ("ascii", "latin-1")]


@pytest.fixture(params=["C", "utf-8", *RARE])
def terminal(request):
    return request.param


@pytest.fixture
def log(tmp_path):
    runs = [made(task=name, took=0.000012 * (n + 1), number=n) for n, name in enumerate(NAMES * 30)]
    return written(tmp_path / "runs.ndjson", runs)


def environment(terminal, **others):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "PYTHON"))}
    return kept | ENVIRONMENTS[terminal] | others


def run(terminal, folder, *command, **others):
    """What it wrote, as the terminal shows it."""
    done = subprocess.run(
        [SLOWTASK, *map(str, command)],
        env=environment(terminal, **others),
        cwd=folder,
        capture_output=True,
        check=False,
    )
    assert b"Traceback" not in done.stderr
    return done.returncode, *(each.decode(CODECS[terminal]) for each in (done.stdout, done.stderr))


def test_the_ranking_is_shown(terminal, log, tmp_path):
    status, shown, _ = run(terminal, tmp_path, "top", log, COLUMNS="120")

    assert status == 0
    assert ("gr\\xf6\\xdfe" if CODECS[terminal] == "ascii" else "größe") in shown
    assert ("█" if terminal == "utf-8" else "#") in shown
    assert re.search(r"\d us" if CODECS[terminal] == "ascii" else r"\d µs", shown)


@pytest.mark.parametrize(
    "command",
    [
        ["top", "--help"],
        ["parse", "bad.log"],
        ["top", "--bad", "runs.ndjson", "bad.log"],
        ["behind", "runs.ndjson"],
        ["whatif", "runs.ndjson", "--workers", "8"],
        ["report", "runs.ndjson", "--out", "größe.html"],
        ["top", "größe·gone.log"],
        ["top", "--größe"],
        ["top", "runs.ndjson", "--task", "größe*"],
        ["status", "--redis-url", "redis://größe:secret@127.0.0.1:1"],
        ["status", "--check", "--redis-url", "redis://größe:secret@127.0.0.1:1"],
        ["pack", "runs.ndjson"],
        ["setup", "https://größe.invalid"],
        ["monitor", "--config", "größe.toml"],
        ["demo", "--folder", "größe"],
        ["collapse", "--limit", "größe"],
    ],
    ids=" ".join,
)
def test_no_command_fails_for_what_it_can_not_show(terminal, log, tmp_path, command):
    (tmp_path / "bad.log").write_text("größe · no format →\n", encoding="utf-8")
    (tmp_path / "größe").mkdir()
    (tmp_path / "größe" / "other").touch()

    _, shown, complaint = run(terminal, tmp_path, *command)  # which reads it in that encoding

    assert shown + complaint


def test_figures_for_programs_are_complete(terminal, log, tmp_path):
    for option in ("--json", "--csv"):
        command = [SLOWTASK, "top", str(log), option]
        done = subprocess.run(
            command, env=environment(terminal), cwd=tmp_path, capture_output=True, check=True
        )
        shown = done.stdout.decode("utf-8")

        assert all(name in shown for name in NAMES)
    parsed = subprocess.run(
        [SLOWTASK, "parse", str(log)], env=environment(terminal), capture_output=True, check=True
    )
    assert {json.loads(line)["task.name"] for line in parsed.stdout.splitlines()} == set(NAMES)


def test_a_report_is_complete(terminal, log, tmp_path):
    status, _, _ = run(terminal, tmp_path, "report", log, "--out", "report.html")

    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert status == 0
    assert all(name in page for name in NAMES)


def test_the_status_of_a_queue_is_shown_in_every_way(terminal, log, tmp_path, redis, redis_server):
    for _ in range(3):
        rq.Queue("größe", connection=redis).enqueue(tasks.send_mail, "a", description="shop.größe()")
    command = ["status", "--redis-url", redis_server, "--seconds", "0.2"]

    page = run(terminal, tmp_path, *command)
    check = run(terminal, tmp_path, *command, "--check")
    plain = subprocess.run(
        [SLOWTASK, *command, "--json"],
        env=environment(terminal),
        cwd=tmp_path,
        capture_output=True,
        check=True,
    )

    assert page[0] == 0
    assert " BUSY " in page[1]
    assert check[1].startswith(("WARNING: ", "CRITICAL: "))  # as long as they waited
    assert json.loads(plain.stdout)["queues"][0]["queue"] == "größe"


@pytest.mark.parametrize("width", [60, 80])
def test_no_figure_of_the_status_is_cut_on_a_narrow_terminal(terminal, tmp_path, redis, redis_server, width):
    for number in range(40):
        name = "a_rather_long_name_of_a_queue" if number % 2 else "mail"
        rq.Queue(name, connection=redis).enqueue(tasks.send_mail, "a")
    redis.rpush("rq:queue:mail", *range(123_456))

    status, shown, _ = run(
        terminal, tmp_path, "status", "--redis-url", redis_server, "--seconds", "0.2", COLUMNS=str(width)
    )

    rows = [line for line in shown.splitlines() if line.startswith(" ")]
    assert status == 0
    assert max(map(len, rows)) <= width
    assert re.search(r"^ mail +123,476 +[\d.ms]+", shown, re.MULTILINE)
    assert not any("\N{HORIZONTAL ELLIPSIS}" in row[2:] for row in rows)


def test_what_the_monitor_logs_is_shown(terminal, tmp_path, redis, redis_server):
    rq.Queue("größe", connection=redis).enqueue(tasks.send_mail, "a", description="shop.größe()")
    (tmp_path / "slowtask.toml").write_text("[depth]\n'größe' = 1\n", encoding="utf-8")
    more = {"SLOWTASK_REDIS_URL": redis_server, "SLOWTASK_MONITOR_INTERVAL": "0.2"}
    process = subprocess.Popen(
        [SLOWTASK, "monitor", "--config", "slowtask.toml"],
        env=environment(terminal, **more), cwd=tmp_path, stderr=subprocess.PIPE,
    )  # fmt: skip
    log = tmp_path / "slowtask-monitor.ndjson"
    wait_until(lambda: log.exists() and b"queue-depth" in log.read_bytes())
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=PATIENCE)

    assert process.returncode == 0
    assert b"[queue-depth]" in said
    assert b"Traceback" not in said
    assert b"Logging error" not in said
    assert said.decode(CODECS[terminal])


@pytest.mark.parametrize("command", ["top", "status"])
def test_a_live_view_is_shown(terminal, log, tmp_path, redis, redis_server, command):
    rq.Queue("größe", connection=redis).enqueue(tasks.send_mail, "a", description="shop.größe()")
    options = {"top": [str(log)], "status": ["--redis-url", redis_server, "--runs", str(log)]}[command]
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [SLOWTASK, command, "--watch", *options],
        env=environment(terminal, TERM="xterm", COLUMNS="100", LINES="40"), cwd=tmp_path,
        stdin=theirs, stdout=theirs, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    shown = bytearray()
    while b"q quit" not in shown and b"Traceback" not in shown:
        shown += os.read(ours, 65536)
    os.write(ours, b"q")
    shown += rest(ours)
    os.close(ours)

    assert process.wait(PATIENCE) == 0
    assert b"Traceback" not in shown
    assert shown.decode(CODECS[terminal])


def rest(terminal):
    """What comes from *terminal* until nobody has it open any more."""
    shown = bytearray()
    with contextlib.suppress(OSError):
        while more := os.read(terminal, 65536):
            shown += more
    return shown
