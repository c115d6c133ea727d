"""Sketches of the head of a line, and what is told of a log in which nothing is known."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slowtask.parse.custom import CustomFormat, compile_head
from slowtask.parse.events import events
from slowtask.parse.items import Reason, Unparsable
from slowtask.parse.sketch import sketch_head
from slowtask.parse.sources import Source

DONE = b"Task shop.mail.send[96e26ec2-36a9-40ea-a12a-53d72589a4a4] succeeded in 1.5s: None"
#: Heads that slowtask doesn't know, and their sketches.
HEADS = {
    b"2026-11-23 18:48:35,822~a1b2~INFO~": r"%{TIME_ISO:time}~[^~\s]+~%{HEAD_LEVEL:level}~",
    b">>> 2024.12.14 / 19:09:31 <INFO> ": r">>> \S+ / %{TIME_CLOCK:time} <%{HEAD_LEVEL:level}> ",
    b"host:2026-11-23T18:48:35Z [rq.worker] ": r"[^:\s]+:%{TIME_ISO:time} \[%{HEAD_LOGGER:logger}\] ",
    b"%{X} 18:00:00  (a.b) ": r"%\{[^\}\s]+\} %{TIME_CLOCK:time}\s+\([^\)\s]+\) ",
    b"lvl=INFO at=18:00:00.22 ": "[^=\\s]+=%{HEAD_LEVEL:level} [^=\\s]+=%{TIME_CLOCK:time} ",
    b"23.11.2026 18:00:00 (18:00:00) ": r"%{TIME_EUROPEAN:time} \(%{TIME_CLOCK}\) ",
    "größe|18:00:00|ForkPoolWorker-1| ".encode(): r"[^\|\s]+\|%{TIME_CLOCK:time}\|%{HEAD_PROCESS:process}\| ",
}


@pytest.mark.parametrize("head", HEADS)
def test_a_head_is_sketched_up_to_the_sentence(head):
    assert sketch_head(head + DONE) == HEADS[head]


@pytest.mark.parametrize("head", HEADS)
def test_a_sketch_reads_the_line_that_it_was_made_from(head, tmp_path):
    log = tmp_path / "worker.log"
    log.write_bytes(head + DONE + b"\n")
    custom = CustomFormat(head=sketch_head(head + DONE))

    assert [each.task for each in events(Source(path=log, kind="lines", custom=custom))] == ["shop.mail.send"]


def test_without_a_sentence_a_head_ends_behind_what_is_known():
    assert sketch_head(b"[a] 18:00:00 |INFO| - hello 18:00:01 ") == (
        r"\[[^\]\s]+\] %{TIME_CLOCK:time} \|%{HEAD_LEVEL:level}\| - "
    )


@pytest.mark.parametrize("line", [b"", b"hello world", b"# Messages", b"a" * 70_000, b"\xff\xfe"])
def test_a_line_of_which_nothing_is_known_has_no_sketch(line):
    assert sketch_head(line) is None


TOKENS = [b"18:47:58", b"2026-11-23 18:48:35,822", b"INFO", b"ForkPoolWorker-1", b"rq.worker", DONE]


@given(st.lists(st.sampled_from(TOKENS) | st.binary(max_size=6) | st.text(max_size=3).map(str.encode)))
def test_any_sketch_matches_its_line(parts):
    line = b"".join(parts)
    sketch = sketch_head(line)
    if sketch is not None:
        assert compile_head(sketch)[0].match(line)


def test_a_sketch_stays_quick_on_a_long_line():
    """Each word goes up to the character behind it, so there is one way to match."""
    line = b"~".join([b"a"] * 40) + b" 18:00:00 hello"

    assert compile_head(sketch_head(line))[0].match(b"a~" * 30_000) is None


# Logs in which nothing is known


def complaints(tmp_path: Path, text: str) -> list[Unparsable]:
    """What is reported of a log of that text."""
    log = tmp_path / "strange.log"
    log.write_text(text)
    return [each for each in events(Source(path=log, kind="lines")) if isinstance(each, Unparsable)]


def test_the_first_three_lines_are_shown_and_one_of_them_is_explained(tmp_path):
    found = complaints(tmp_path, "~18:00:00~\n" * 9)

    assert [(each.line, each.reason) for each in found] == [(line, Reason.STRANGE) for line in (1, 2, 3)]
    assert [bool(each.detail) for each in found] == [True, False, False]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("worker-1  | hello\n", "its lines look like Docker Compose, Swarm, overmind"),
        ("2026-11-23T18:48:35Z stdout F hello\n", "its lines look like Kubernetes' files, CRI"),
        ('{"message": "hello"}\n', "its lines look like JSON logs"),
        ('{"a": 1}\n', "name it with --fields NAME=text"),
        (
            "2026-11-23 18:48:35 INFO hello\n",
            "they begin as logs do, but no sentence of RQ or Celery follows",
        ),
        ("~18:00:00~ hello\n", "to read lines that begin so, try --head '~%{TIME_CLOCK:time}~ '"),
        ("it's ~18:00:00~ hello\n", """try --head '[^'"'"'\\s]+'"'"'\\S+ ~%{TIME_CLOCK:time}~ '"""),
    ],
)
def test_a_log_in_which_nothing_is_known_is_described(tmp_path, text, words):
    assert words in complaints(tmp_path, text)[0].sentence


def test_a_head_of_one_s_own_is_not_sketched_again(tmp_path):
    log = tmp_path / "strange.log"
    log.write_text("~18:00:00~ hello\n")
    custom = CustomFormat(head="x")
    [found] = events(Source(path=log, kind="lines", custom=custom))

    assert "--head" not in found.sentence


def test_sketches_name_no_moment():
    """A sketch must match tomorrow's lines, too."""
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S").encode()

    assert not re.search(r"\d", sketch_head(b"<" + now + b"> INFO hello 12 34"))
