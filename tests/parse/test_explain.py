"""How one line is read, layer by layer."""

import re
from datetime import UTC, date

import pytest

from places import GOLDEN, ROOT
from slowtask.parse.custom import CustomFormat
from slowtask.parse.explain import explain
from slowtask.parse.grok import read_patterns
from slowtask.parse.items import Reason
from slowtask.parse.sentences import BY_ID, LOOSE, NOTES, SENTENCES
from slowtask.parse.times import DateTracker
from wild import WILD

JOB = "2aab4a44-c695-4817-9851-78ade4339869"
LINES = sorted(
    {
        line
        for log in [*GOLDEN.glob("*.log"), *WILD.glob("*.log"), ROOT / "README.md"]
        for line in log.read_bytes().split(b"\n")
    }
)
#: Patterns that aren't sentences: heads, and what is looked for within other lines.
OTHERS = {"CELERY_HEAD", "SENTENCE"}


def explained(line, **custom):
    """How *line* is read."""
    text = line if isinstance(line, bytes) else line.encode()
    return explain(text, lambda _: DateTracker(date(2026, 11, 23)), UTC, CustomFormat(**custom))


def shown(line, **custom):
    """Its layers: what each is, its pattern, and its fields."""
    return [(each.kind, each.pattern, dict(each.fields)) for each in explained(line, **custom).layers]


def test_wrappers_a_head_and_a_sentence_are_shown_from_the_outside_in():
    head = "worker-1  | [2026-11-23 18:48:35,822: INFO/ForkPoolWorker-1] "

    assert shown(f"{head}Task a.b[{JOB}] succeeded in 1.5s: None") == [
        ("wrapper", "WRAP_COMPOSE", {"container.name": "worker-1"}),
        ("head", "CELERY_HEAD", {"time": "2026-11-23 18:48:35,822", "process": "ForkPoolWorker-1"}),
        ("sentence", "CELERY_DONE", {"task.name": "a.b", "task.id": JOB, "seconds": "1.5"}),
    ]


def test_the_run_is_the_one_that_the_line_gives():
    run = explained(f"2026-11-23 18:48:35 INFO Task a.b[{JOB}] succeeded in 1.5s: None").run

    assert (run.task, run.duration, run.timestamp.isoformat()) == (
        "a.b", 1_500_000_000, "2026-11-23T18:48:35+00:00",
    )  # fmt: skip


def test_a_line_that_is_wrapped_twice_shows_both_wrappers():
    kinds = [each[:2] for each in shown("2026-11-23T18:48:35.1Z worker-1  | 18:48:35 hello")]

    assert kinds[:3] == [("wrapper", "WRAP_TIME"), ("wrapper", "WRAP_COMPOSE"), ("head", "HEAD")]


def test_of_json_the_fields_are_shown_that_are_used():
    text = f'{{"log": "18:47:58 default: Job OK ({JOB})", "time": "2026-11-23T18:47:58Z", "pid": 7}}'

    assert shown(text)[0] == (
        "wrapper", "JSON", {"text": "the field log", "time": "2026-11-23T18:47:58Z (time)"},
    )  # fmt: skip
    assert [each[1] for each in shown(text)[1:]] == ["HEAD", "RQ_OK"]


def test_a_head_of_one_s_own_is_shown_with_what_it_gives():
    line = f"<18:47:58>~INFO~Task a.b[{JOB}] succeeded in 1.5s: None"
    head = "<%{TIME_CLOCK:time}>~%{HEAD_LEVEL:level}~"

    assert shown(line, head=head)[0] == ("head", "--head", {"time": "18:47:58", "level": "INFO"})
    assert explained(line, head="xyz").advice == ("--head doesn't match it",)


@pytest.mark.parametrize(
    ("line", "advice"),
    [
        (
            f"<18:47:58>~INFO~Task a.b[{JOB}] succeeded in 1.5s: 0",
            "'<%{TIME_CLOCK:time}>~%{HEAD_LEVEL:level}~'",
        ),
        (f"~18:47:58~ Task a.b[{JOB}] succeeded in 1.5s: 0", "'~%{TIME_CLOCK:time}~ '"),
        ("worker-1  | ~18:47:58~ hello", "'~%{TIME_CLOCK:time}~ '"),
        ('{"a": 1}', "--fields NAME=text"),
    ],
)
def test_a_line_that_another_head_or_field_would_read_is_told_so(line, advice):
    assert [advice in each for each in explained(line).advice] == [True]


@pytest.mark.parametrize(
    "line", [f"x: Task a.b[{JOB}] succeeded in 1.5s: 0", "hello", "Time: x", '"GET / HTTP']
)
def test_there_is_no_advice_where_there_is_none(line):
    assert explained(line).advice == ()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (f"18:47:58 default: jobs.x() ({JOB})", "a job began, and the line of its end gives the run"),
        (f"[2026-11-23 18:48:35,822: INFO/MainProcess] Task a.b[{JOB}] received", NOTES["CELERY_RECEIVED"]),
        ("18:47:58 *** Listening on default...", "a line that is known to hold none"),
        ("", "a line that is known to hold none"),
    ],
)
def test_a_line_that_gives_no_run_by_itself_says_what_it_is(line, reason):
    found = explained(line)

    assert (found.known, found.run, found.reason) == (True, None, reason)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("Time: x", Reason.MALFORMED.sentence),
        (f"18:47:58 default: Job OK ({JOB})", Reason.NAMELESS.sentence),
        ('1.2.3.4 - - [x] "GET / HTTP/1.1" 200', "it looks like a line of another program: web server"),
        ("hello world", "it has no sentence of RQ or Celery"),
        (f"Task a.b[{JOB}] succeeded in 1.5s: None", Reason.UNTIMED.sentence),
    ],
)
def test_a_line_that_is_not_read_says_why(line, reason):
    found = explained(line)

    assert (found.known, found.run, found.reason) == (False, None, reason)


def test_a_date_that_was_guessed_is_marked():
    line = f"19:00:00 [Job {JOB}]: exception raised while executing (jobs.x)".encode()
    guess = explain(line, lambda _: DateTracker(date(2026, 11, 23), guessed=True), UTC, CustomFormat())

    assert (guess.guessed, explained(line).guessed) == (True, False)


def test_the_table_has_every_sentence_of_the_patterns():
    """A sentence that is added to the patterns must be named here, too."""
    patterns = read_patterns("slowtask")
    used = {name for text in patterns.values() for name in re.findall(r"%\{(\w+)", text)}

    assert {name for name in patterns if name not in used} - OTHERS == set(SENTENCES)
    assert set(NOTES) - set(SENTENCES) == {"task_started"}
    assert BY_ID < LOOSE < set(SENTENCES)


@pytest.mark.slow
def test_every_line_that_gives_a_run_has_a_sentence():
    """Of all golden and wild logs."""
    odd = [
        line
        for line in LINES
        for found in [explained(line)]
        if found.run is not None and not any(each.kind in ("sentence", "event") for each in found.layers)
    ]

    assert len(LINES) > 2000
    assert odd == []
