"""What the SOURCE arguments mean."""

import gzip
import io
import os
import types

import pytest

from slowtask.errors import SourceError, UsageError
from slowtask.parse import sources
from slowtask.parse.sources import resolve
from slowtask.record.settings import Settings


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(arguments):
    return [each.name for each in resolve(arguments)]


def write(path, content=b"a line\n"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_a_file_is_one_source_of_lines(here):
    write(here / "worker.out")

    assert [(each.name, each.kind) for each in resolve(["worker.out"])] == [("worker.out", "lines")]


def test_parquet_is_known_by_its_name(here):
    write(here / "runs.parquet")

    assert resolve(["runs.parquet"])[0].kind == "parquet"


def test_a_folder_means_the_logs_in_it_and_their_rotated_files(here):
    logs = [
        *("a.ndjson", "b.jsonl", "c.json", "d.log", "e.txt", "f.parquet", "g.log.1", "h.ndjson.2.gz"),
        *("i.log-20261123", "j.log.2026-11-23", "k.log.2026-11-23_10-00.gz", "l.log.gz"),
    ]
    for name in [*logs, ".hidden.log", "README.md", "a.ndjson.tmp", "log", "inner/m.log"]:
        write(here / "logs" / name)

    assert names(["logs"]) == [f"logs/{name}" for name in logs]


def test_a_glob_is_expanded_here(here):
    write(here / "a.log")
    write(here / "b.log")
    write(here / "deep" / "c.log")

    assert names(["*.log"]) == ["a.log", "b.log"]
    assert names(["**/*.log"]) == ["a.log", "b.log", "deep/c.log"]


def test_a_file_whose_name_looks_like_a_glob_is_that_file(here):
    write(here / "a[1].log")

    assert names(["a[1].log"]) == ["a[1].log"]


def test_a_file_named_twice_is_read_once(here):
    write(here / "a.log")
    (here / "link.log").symlink_to("a.log")
    os.link(here / "a.log", here / "hard.log")

    assert names(["a.log", "link.log", "./a.log", "*.log"]) == ["a.log"]


def test_stdin_named_twice_is_read_once():
    assert names(["-", "-"]) == ["stdin"]


def test_without_arguments_it_is_our_own_log_and_its_rotated_files(here, monkeypatch):
    monkeypatch.setattr(sources, "current_settings", Settings)
    ours = ["slowtask.ndjson", "slowtask.ndjson.1", "slowtask.ndjson.2.gz"]
    for name in [*ours, "slowtask.ndjson.lock", "other.ndjson"]:
        write(here / name)

    assert names([]) == ours


@pytest.mark.parametrize("log", ["-", "off"])
def test_without_arguments_and_without_a_file_in_the_settings_it_asks_for_one(log, monkeypatch):
    monkeypatch.setattr(sources, "current_settings", lambda: Settings(log=log))

    with pytest.raises(UsageError, match="name log files"):
        resolve([])


@pytest.mark.parametrize("argument", ["missing.log", "*.none", "empty"])
def test_what_names_nothing_is_refused_with_the_next_step(here, argument):
    (here / "empty").mkdir()

    with pytest.raises(SourceError, match=r": (check|name) "):
        resolve([argument])


def test_without_arguments_a_missing_log_of_ours_is_refused(monkeypatch):
    monkeypatch.setattr(sources, "current_settings", Settings)

    with pytest.raises(SourceError, match=r"There is no slowtask\.ndjson here"):
        resolve([])


def test_a_file_that_may_not_be_read_is_refused(here, monkeypatch):
    write(here / "a.log")
    monkeypatch.setattr(sources.os, "access", lambda *_: False)

    with pytest.raises(SourceError, match="permissions"):
        resolve(["a.log"])


@pytest.mark.parametrize("url", ["http://localhost:9200", "https://elastic.example.org"])
def test_a_server_is_no_log(url):
    with pytest.raises(UsageError, match="holds events already: slowtask top ranks them"):
        resolve([url])


def test_a_plain_file_opens_as_it_is(here):
    write(here / "a.log", b"one\n")
    with resolve(["a.log"])[0].open() as file:
        assert file.read() == b"one\n"


def test_gzip_is_known_by_its_bytes_not_its_name(here):
    write(here / "zipped.log", gzip.compress(b"one\n") + gzip.compress(b"two\n"))
    write(here / "plain.log.gz", b"three\n")
    opened = [each.open() for each in resolve(["zipped.log", "plain.log.gz"])]

    assert [file.read() for file in opened] == [b"one\ntwo\n", b"three\n"]


def test_a_zipped_file_gives_its_own_descriptor(here):
    path = write(here / "a.log.gz", gzip.compress(b"one\n"))
    with resolve(["a.log.gz"])[0].open() as file:
        assert os.fstat(file.fileno()).st_ino == path.stat().st_ino


def test_an_empty_file_opens(here):
    write(here / "a.log", b"")
    with resolve(["a.log"])[0].open() as file:
        assert file.read() == b""


def test_stdin_may_be_zipped_too(monkeypatch):
    stdin = io.BufferedReader(io.BytesIO(gzip.compress(b"one\n")))
    monkeypatch.setattr(sources.sys, "stdin", types.SimpleNamespace(buffer=stdin))

    assert resolve(["-"])[0].open().read() == b"one\n"


def test_a_file_gone_before_it_is_opened_is_an_error_in_a_sentence(here):
    path = write(here / "a.log")
    source = resolve(["a.log"])[0]
    path.unlink()

    with pytest.raises(SourceError, match=r"a\.log can't be read"):
        source.open()
