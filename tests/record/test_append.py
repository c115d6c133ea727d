"""Lines are appended whole by many processes, while the file is rotated under them."""

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import missing

from slowtask.record.append import PIPE_BUF, File, Stream, TornLineError, write_line

WRITERS = 16
LINES = 20_000


@pytest.fixture
def path(tmp_path):
    return tmp_path / "runs.ndjson"


def start_writers(path, max_bytes):
    script = Path(__file__).parent / "writers.py"
    return [
        subprocess.Popen([sys.executable, script, path, str(max_bytes), str(number * LINES), str(LINES)])
        for number in range(WRITERS)
    ]


def numbers(folder):
    """The numbers of all lines in all files of *folder*; a torn line fails to load."""
    lines = [line for file in folder.iterdir() for line in file.read_bytes().splitlines()]
    return [json.loads(line)["number"] for line in lines]


@pytest.mark.slow
def test_no_line_is_torn_lost_or_doubled_by_sixteen_processes_that_rotate(path):
    """By our own size limit: the process that reaches it renames the file that fifteen others write."""
    writers = start_writers(path, max_bytes=500_000)
    assert [writer.wait(300) for writer in writers] == [0] * WRITERS

    assert sorted(numbers(path.parent)) == list(range(WRITERS * LINES))
    assert len(list(path.parent.iterdir())) > 20


@pytest.mark.slow
def test_no_line_is_torn_lost_or_doubled_by_logrotate(path, tmp_path_factory):
    """logrotate renames the file while sixteen processes write it."""
    logrotate = shutil.which("logrotate", path=os.environ["PATH"] + ":/usr/sbin") or missing("logrotate")
    outside = tmp_path_factory.mktemp("logrotate")
    configuration = outside / "slowtask.conf"
    configuration.write_text(f'"{path}" {{\n  rotate 1000\n  nocreate\n  missingok\n  su root root\n}}\n')
    writers = start_writers(path, max_bytes=0)
    while any(writer.poll() is None for writer in writers):
        command = [logrotate, "--force", "--state", outside / "state", configuration]
        subprocess.run(command, check=True, capture_output=True)

    assert [writer.returncode for writer in writers] == [0] * WRITERS
    assert sorted(numbers(path.parent)) == list(range(WRITERS * LINES))
    assert len(list(path.parent.iterdir())) > 3


def test_only_the_newest_backups_are_kept(path):
    log = File(path, max_bytes=10, backups=2)
    for number in range(6):
        log.append(b"line %d...\n" % number)

    kept = sorted(path.parent.iterdir())
    assert [file.read_bytes() for file in kept] == [b"line 5...\n", b"line 3...\n", b"line 4...\n"]


def test_files_of_others_are_never_deleted(path):
    other = path.with_name(path.name + ".2026-mine")
    other.write_text("mine")
    log = File(path, max_bytes=5, backups=0)
    for _ in range(3):
        log.append(b"line\n")

    assert other.read_text() == "mine"


def test_a_renamed_file_is_followed(path):
    log = File(path, check_interval=0)
    log.append(b"one\n")
    path.rename(path.with_name("old"))
    log.append(b"two\n")

    assert path.read_bytes() == b"two\n"


def test_until_the_next_check_lines_go_to_the_end_of_the_renamed_file(path):
    log = File(path, check_interval=3600)
    log.append(b"one\n")
    path.rename(path.with_name("old"))
    log.append(b"two\n")

    assert path.with_name("old").read_bytes() == b"one\ntwo\n"


def test_a_missing_folder_is_made(tmp_path):
    File(tmp_path / "a" / "b" / "runs.ndjson").append(b"one\n")

    assert (tmp_path / "a" / "b" / "runs.ndjson").read_bytes() == b"one\n"


def test_a_relative_path_stays_where_it_was(tmp_path, monkeypatch):
    """A task may change the working folder."""
    monkeypatch.chdir(tmp_path)
    log = File("runs.ndjson")
    monkeypatch.chdir("/")
    log.append(b"one\n")

    assert (tmp_path / "runs.ndjson").read_bytes() == b"one\n"


def test_a_pipe_without_a_reader_is_an_error_and_no_wait(tmp_path):
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(OSError, match="No such device"):
        File(tmp_path / "pipe").append(b"one\n")


def test_a_full_disk_is_an_error(path):
    with pytest.raises(OSError, match="No space left") as raised:
        File("/dev/full").append(b"one\n")

    assert raised.value.errno == errno.ENOSPC


def test_after_a_torn_line_the_next_begins_on_its_own(path, monkeypatch):
    """The disk filled up in the middle of a line, and there is room again."""
    log = File(path)
    real_write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real_write(descriptor, data[:3]))
    with pytest.raises(TornLineError):
        log.append(b"torn line\n")
    monkeypatch.setattr(os, "write", real_write)
    log.append(b"good line\n")

    assert path.read_bytes() == b"tor\ngood line\n"


def test_a_line_to_a_pipe_is_short_enough_to_stay_whole():
    reader, writer = os.pipe()
    stream = Stream(writer)
    stream.append(b"one\n")

    assert os.read(reader, 10) == b"one\n"
    assert stream.limit == PIPE_BUF
    os.close(reader)
    os.close(writer)


def test_a_partial_write_is_an_error(tmp_path):
    reader, writer = os.pipe()
    os.set_blocking(writer, False)

    with pytest.raises(TornLineError):
        write_line(writer, b"x" * 10_000_000)
    os.close(reader)
    os.close(writer)
