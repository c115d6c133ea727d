"""`slowtask parse`."""

import gzip
import os
import re
import subprocess
import sys

import msgspec
import pytest

from places import GOLDEN

JOB = b"2aab4a44-c695-4817-9851-78ade4339869"
START = b"18:47:58 default: jobs.compute() (%s)\n" % JOB
END = b"18:48:00 default: Job OK (%s)\n" % JOB
TEXT = b"Time: 2021-01-13 10:03:59,202 Task: jobs.send_mail Task-time: 1\n"


def slowtask(*arguments, stdin=b"", cwd=None, **settings):
    command = [sys.executable, "-m", "slowtask", "parse", *map(str, arguments)]
    return subprocess.run(
        command, input=stdin, capture_output=True, check=False, cwd=cwd, env=os.environ | settings
    )


def test_each_event_is_one_line_and_each_refused_line_a_complaint_with_its_place():
    done = slowtask(GOLDEN / "text-format.log")
    names = [msgspec.json.decode(line)["task.name"] for line in done.stdout.splitlines()]

    assert (len(names), names[-1], done.returncode) == (11, "facturación.envío", 0)
    broken = "starts like a known line but is cut short or broken: see what wrote it"
    assert done.stderr.decode().splitlines() == [
        f"{GOLDEN}/text-format.log:12: {broken}: Time: 2023-01-05 12:34:57,002 Task: app.demo.jobs.comp",
        f"11 events from 14 lines, 1 not parsable: 1 {broken}; 1 line of other programs: other 1",
    ]


def test_quiet_only_counts():
    assert slowtask("--quiet", GOLDEN / "text-format.log").stderr.startswith(
        b"11 events from 14 lines, 1 not"
    )


def test_its_own_output_parses_to_the_same_output():
    once = slowtask("--date", "2026-11-23", *sorted(GOLDEN.glob("*.log"))).stdout

    assert slowtask("-", stdin=once).stdout == once


def test_stdin_may_be_zipped():
    assert b"jobs.send_mail" in slowtask("-", stdin=gzip.compress(TEXT)).stdout


def test_lines_of_other_programs_are_counted_by_kind_and_not_complained_of():
    web = b'10.0.0.1 - - [06/Nov/2026:09:00:00 +0000] "GET / HTTP/1.1" 200 12\n'
    done = slowtask("-", stdin=web * 3 + TEXT + b"Traceback (most recent call last):\n" + TEXT + web)

    assert done.stderr == b"2 events from 7 lines; 4 lines of other programs: web server 4\n"


def test_a_date_that_was_guessed_is_told_with_its_log(tmp_path):
    log = tmp_path / "worker.log"
    log.write_bytes(START + END)
    os.utime(log, (1795459690, 1795459690))

    assert slowtask("worker.log", cwd=tmp_path).stderr == (
        b"1 event from 2 lines; lines of worker.log without a full date begin on 2026-11-23,"
        b" by the file's last change: --date sets it\n"
    )
    assert slowtask("worker.log", "--date", "2026-11-23", cwd=tmp_path).stderr == b"1 event from 2 lines\n"


def test_a_year_that_was_guessed_is_told_with_the_date_that_it_gives(tmp_path):
    """Syslog's times have no year; but a line within, which has its own, doesn't need it."""
    log = tmp_path / "syslog"
    whole = b"[2026-11-20 10:00:00,000: INFO/MainProcess] Task a.b[1] succeeded in 1.5s: None\n"
    for text in (
        b"Nov 20 10:00:00 host rq[1]: " + START[9:] + b"Nov 20 10:00:01 host rq[1]: " + END[9:],
        whole,
    ):
        log.write_bytes(text)
        os.utime(log, (1795459690, 1795459690))

        assert (b"begin on 2026-11-20" in slowtask(log).stderr) == (text != whole)


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


def test_a_head_of_one_s_own_is_an_option_or_a_setting(tmp_path):
    log = tmp_path / "a.log"
    log.write_bytes(b"<2026-11-23 18:48:35> ~ ~ ~ ~ ~ ~ ~ ~ Task a.b[1] succeeded in 1.5s: None\n")
    head = "<%{TIME_ISO:time}> (?:~ )*"
    by_option = slowtask(log, "--head", head)
    by_setting = slowtask(log, SLOWTASK_LOG_HEAD=head)

    assert b'"@timestamp":"2026-11-23T18:48:35.000000Z"' in by_option.stdout
    assert by_setting.stdout == by_option.stdout


def test_fields_of_one_s_own_are_an_option_or_a_setting():
    text = b'{"words":"Task a.b[1] succeeded in 1.5s: None","moment":1795459715}\n'
    fields = "words=text,moment=time"
    by_option = slowtask("-", "--fields", fields, stdin=text)
    by_setting = slowtask("-", stdin=text, SLOWTASK_LOG_FIELDS=fields)

    assert b'"@timestamp":"2026-11-23T18:48:35.000000Z"' in by_option.stdout
    assert by_setting.stdout.split(b'"event.id"')[0] == by_option.stdout.split(b'"event.id"')[0]


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--head", "%{TIME_IS:time} ", b"no pattern TIME_IS; the nearest is TIME_ISO"),
        ("--head", "(", b"it isn't a regular expression"),
        ("--fields", "words=txt", b"there is no kind 'txt'"),
    ],
)
def test_a_format_of_one_s_own_that_cannot_be_used_is_wrong_use(option, value, words):
    done = slowtask("-", option, value)

    assert (done.returncode, done.stderr.count(b"\n")) == (2, 1)
    assert words in done.stderr
    assert slowtask("-", **{f"SLOWTASK_LOG_{option[2:].upper()}": value}).stderr == done.stderr


EXPLAINED = b"""\
wrapper           WRAP_COMPOSE (Docker Compose, Swarm, overmind)
  container.name  worker-1
head              HEAD
  time            18:47:58
sentence          RQ_START
  queue.name      default
  call            jobs.compute()
  task.name       jobs.compute
  task.id         2aab4a44-c695-4817-9851-78ade4339869
No run: a job began, and the line of its end gives the run.
"""


def plain(output):
    """*output* without the blanks at the ends of lines."""
    return b"".join(each.rstrip() + b"\n" for each in output.splitlines())


def test_explain_shows_the_layers_of_a_line_from_the_call_or_from_stdin():
    line = b"worker-1  | " + START
    by_option, by_pipe = (
        slowtask("--explain", line.decode().strip()),
        slowtask("--explain", "-", stdin=line * 2),
    )

    assert (plain(by_option.stdout), by_option.returncode) == (EXPLAINED, 0)
    assert by_pipe.stdout == by_option.stdout


def test_explain_shows_the_run_with_units_and_a_guessed_date():
    line = "19:00:00 Successfully completed jobs.x() job in 0:00:02.5s on worker w"
    found = slowtask("--explain", line).stdout

    assert re.search(rb"event\.duration +2500000000 ns \(2\.5 s\)", found)
    assert b"19:00:00.000000Z (a guessed date)" in found
    assert b"(a guessed date)" not in slowtask("--explain", line, "--date", "2026-11-23").stdout


def test_explain_fails_for_a_line_that_is_not_read_and_says_how_it_may_be():
    done = slowtask("--explain", f"~18:47:58~ Task a.b[{JOB.decode()}] succeeded in 1.5s: 0", COLUMNS="200")

    assert done.returncode == 1
    assert b"Not read: a run without a time" in done.stdout
    assert b"try --head '~%{TIME_CLOCK:time}~ '" in done.stdout


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_explain_fits_the_terminal(width):
    long = (
        f"2026-11-23 18:48:35 INFO Task {'shop.' * 60}x[{JOB.decode()}] raised unexpected: ValueError('no')"
    )
    rows = slowtask("--explain", f"[pod/worker-6d4cf56db6-abcde/worker] {long}", COLUMNS=str(width)).stdout

    assert max(len(row.decode()) for row in rows.splitlines()) <= width
    assert b"kubernetes.container.name" in rows


def test_what_a_line_holds_cannot_play_with_the_terminal_of_explain():
    found = slowtask("--explain", "18:47:58 \x1b]0;owned\x07\x1b[2J [red]x").stdout

    assert b"\x1b" not in found
    assert b"\\x1b]0;owned\\x07\\x1b[2J [red]x" in found


def test_explain_takes_no_source():
    assert slowtask("--explain", "x", "worker.log").returncode == 2
