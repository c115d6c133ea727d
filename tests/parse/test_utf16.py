"""Logs in UTF-16 are read like logs in UTF-8."""

import codecs
import gzip
import io
import os
import subprocess
import sys
import types

import pytest

from slowtask.parse import scan as scanning
from slowtask.parse import sources
from slowtask.parse.events import events
from slowtask.parse.scan import scan
from slowtask.parse.sources import Source, resolve
from slowtask.parse.utf16 import find_utf16, recode
from slowtask.record.event import Run
from slowtask.store import Query
from slowtask.store.files import Files
from slowtask.store.kinds import find_kind

TEXT = "Time: 2021-01-13 10:03:59,202 Task: jobs.größe_😀 Task-time: 4\r\n"
LITTLE = codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le")
BIG = codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be")
ENCODED = {
    "little": LITTLE,
    "big": BIG,
    "little without a mark": TEXT.encode("utf-16-le"),
    "big without a mark": TEXT.encode("utf-16-be"),
    "zipped": gzip.compress(LITTLE),
}
OWN_LINE = (
    '{"@timestamp":"2026-11-23T18:47:58.145554Z","event.id":"a","event.dataset":"slowtask.run",'
    '"event.outcome":"success","event.duration":1,"task.name":"jobs.a"}\n'
)


@pytest.fixture
def log(tmp_path):
    """Writes a log and returns its source."""

    def write(content, name="a.log"):
        path = tmp_path / name
        path.write_bytes(content)
        return Source(path=path, kind="lines")

    return write


def tasks(source):
    return [each.task for each in events(source) if isinstance(each, Run)]


@pytest.mark.parametrize("kind", ENCODED)
def test_a_log_in_utf_16_opens_as_utf_8(kind, log):
    with log(ENCODED[kind]).open() as file:
        assert file.read() == TEXT.encode()


@pytest.mark.parametrize("kind", ENCODED)
def test_a_run_in_utf_16_is_read_and_ranked(kind, log):
    source = log(ENCODED[kind])
    ranked = Files([source]).measure(Query())

    assert (tasks(source), ranked.figures[0].task) == (["jobs.größe_😀"], "jobs.größe_😀")
    assert ranked.bad.count == 0


def test_its_descriptor_is_that_of_the_file(log):
    source = log(LITTLE)
    with source.open() as file:
        assert os.fstat(file.fileno()).st_ino == source.path.stat().st_ino


def test_stdin_may_be_in_utf_16(monkeypatch):
    stdin = io.BufferedReader(io.BytesIO(LITTLE))
    monkeypatch.setattr(sources.sys, "stdin", types.SimpleNamespace(buffer=stdin))

    assert resolve(["-"])[0].open().read() == TEXT.encode()


def test_what_a_pipe_has_written_is_read_without_waiting_for_more():
    command = [sys.executable, "-m", "slowtask", "parse", "--quiet", "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdin.write(LITTLE)
        process.stdin.flush()
        found = process.stdout.readline()  # would wait for ever
        process.stdin.close()

    assert b"jobs.gr" in found


def test_characters_cut_by_a_block_are_whole():
    pieces = [bytes([each]) for each in LITTLE]
    stream = types.SimpleNamespace(read=lambda _: pieces.pop(0) if pieces else b"", close=lambda: None)

    assert recode(stream, "utf-16").read() == TEXT.encode()


def test_a_cut_or_impossible_character_costs_no_other(log):
    broken = codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le") + b"\x00\xd8a\0\n\0" + LITTLE[2:] + b"x"

    assert tasks(log(broken)).count("jobs.größe_😀") == 2


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"\0" * 200,
        TEXT.encode(),
        codecs.BOM_UTF16_LE + TEXT.encode(),  # two bytes of damage, not a mark
        b"\0" * 99 + TEXT.encode(),
        b"a\0",
        codecs.BOM_UTF8 + TEXT.encode(),
    ],
)
def test_other_logs_are_not_taken_for_utf_16(start):
    assert find_utf16(start) is None


def test_a_log_of_nothing_but_a_mark_is_empty(log):
    assert tasks(log(codecs.BOM_UTF16_LE)) == []


def test_lines_of_slowtask_in_utf_16_are_read_by_the_parser(log):
    source = log(OWN_LINE.encode("utf-16"), "runs.ndjson")

    assert find_kind(source) == "parsed"
    assert Files([source]).measure(Query()).figures[0].count == 1


def test_a_log_in_utf_16_is_not_cut_into_pieces(log, monkeypatch, tmp_path):
    monkeypatch.setattr(scanning, "PIECE_SIZE", 100)
    tally = scan([log((TEXT * 20).encode("utf-16"))], tmp_path)

    assert (tally.events, len(tally.files)) == (20, 1)


def test_a_cut_zipped_log_in_utf_16_is_reported_damaged(log):
    found = list(events(log(gzip.compress((TEXT * 2000).encode("utf-16"), mtime=0)[:-9])))

    assert [str(each.reason) for each in found[-1:]] == ["damaged-gzip"]
