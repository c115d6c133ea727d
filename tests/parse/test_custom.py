"""Logs in a format of the user's own: `--head` and `--fields`."""

import msgspec
import pytest

from logs import line, made
from slowtask.parse.custom import CustomFormat, parse_fields
from slowtask.parse.events import events
from slowtask.parse.items import Reason, Unparsable
from slowtask.parse.scan import scan
from slowtask.parse.sources import Source
from slowtask.store import Query
from slowtask.store.files import Files

JOB = "2aab4a44-c695-4817-9851-78ade4339869"
DONE = f"Task shop.mail.send[{JOB}] succeeded in 1.5s: None"
#: A head that slowtask doesn't know.
HEAD = r"%{TIME_ISO:time}~%{NOTSPACE}~%{HEAD_LEVEL:level}~"
LINE = f"2026-11-23 18:48:35,822~a1b2~INFO~{DONE}\n"


@pytest.fixture
def read(tmp_path):
    """The runs and complaints of a log of that text."""

    def read_text(text, **options):
        log = tmp_path / "worker.log"
        log.write_bytes(text if isinstance(text, bytes) else text.encode())
        custom = CustomFormat(**options)
        return list(events(Source(path=log, kind="lines", custom=custom)))

    return read_text


def facts(run):
    return run.task, run.duration, run.timestamp.isoformat()


def test_a_line_with_a_head_of_one_s_own_is_read_with_its_time(read):
    found = read(LINE, head=HEAD)

    assert [facts(each) for each in found] == [
        ("shop.mail.send", 1_500_000_000, "2026-11-23T18:48:35.822000+00:00")
    ]


def test_without_that_head_its_time_is_not_known(read):
    assert [each.reason for each in read(LINE)] != []


def test_a_head_of_one_s_own_is_tried_before_the_known_ones(read):
    """Celery's own head would leave `id=7` to the sentence, which then isn't one."""
    text = f"[2026-11-23 18:48:35,822: INFO/MainProcess] [7] id=7 key=8 x=9 a=1 b=2 c=3 d=4 {DONE}\n"

    assert read(text) == []
    assert [each.task for each in read(text, head=r"\[%{TIME_ISO:time}[^]]*\] (?:\S+ ){8}")] == [
        "shop.mail.send"
    ]


def test_lines_without_that_head_are_read_as_ever(read):
    text = f"[2026-11-23 18:48:37,000: INFO/MainProcess] {DONE}\n".encode() + line(made()) + b"\n"

    assert [each.task for each in read(LINE.encode() + text, head=HEAD)] == [
        "shop.mail.send", "shop.mail.send", "jobs.thumb",
    ]  # fmt: skip


def test_a_head_stands_within_wrappers_too(read):
    assert [each.labels for each in read(f"worker-1  | {LINE}", head=HEAD)] == [{"container": "worker-1"}]


def test_own_lines_in_wrappers_are_read_beside_such_a_head(read):
    assert [each.task for each in read(b"worker-1  | " + line(made()) + b"\n", head=HEAD)] == ["jobs.thumb"]


@pytest.mark.parametrize("options", [{}, {"head": HEAD}])
@pytest.mark.parametrize(
    "head", [b"2026-11-23 18:48:35 INFO slowtask.run: ", b"2026-11-23 18:48:35~a1b2~INFO~"]
)
def test_own_lines_behind_a_head_are_read(read, head, options):
    """As a handler of the logger `slowtask.run` may write them."""
    assert [each.task for each in read(head + line(made()) + b"\n", **options)] == ["jobs.thumb"]


def test_a_torn_line_of_ours_behind_a_head_is_reported(read):
    [bad] = read(b"2026-11-23 18:48:35 INFO " + line(made())[:50] + b"\n")

    assert bad.reason is Reason.TORN


def test_a_job_of_rq_is_paired_behind_such_a_head(read):
    clocks = ("18:47:58", "18:48:00")
    sentences = (f"default: jobs.compute() ({JOB})", f"default: Job OK ({JOB})")
    text = "".join(
        f"2026-11-23 {clock}~a~INFO~{sentence}\n" for clock, sentence in zip(clocks, sentences, strict=True)
    )

    assert [facts(each) for each in read(text, head=HEAD)] == [
        ("jobs.compute", 2_000_000_000, "2026-11-23T18:48:00+00:00")
    ]


def test_a_traceback_and_a_retry_belong_to_the_failure_before_them(read):
    head = "2026-11-23 18:47:58~a~ERROR~"
    text = (
        f"{head}default: jobs.compute() ({JOB})\n"
        f"{head}[Job {JOB}]: exception raised while executing (jobs.compute)\n"
        "Traceback (most recent call last):\n"
        '  File "jobs.py", line 1, in compute\n'
        "ValueError: no\n"
        f"{head}Job {JOB}: enqueued for retry, 2 remaining\n"
    )

    assert [(each.action, each.error) for each in read(text, head=HEAD)] == [("retried", "ValueError")]


def test_the_process_and_the_logger_of_a_head_are_used(read):
    text = f"2026-11-23 18:48:35 @ForkPoolWorker-3@ {DONE}\n"
    [found] = read(text, head="%{TIME_ISO:time} @%{HEAD_PROCESS:process}@")

    assert found.worker == "ForkPoolWorker-3"


def test_a_head_may_be_built_from_the_shipped_ones(read):
    [found] = read(f"#7# 2026-11-23 18:48:35 INFO {DONE}\n", head="#%{HEAD_NUMBER}# %{HEAD}")

    assert found.timestamp.isoformat() == "2026-11-23T18:48:35+00:00"


def test_a_head_that_matches_nothing_takes_no_line(read):
    assert [each.task for each in read(f"2026-11-23 18:48:35 INFO {DONE}\n", head=r"\s*")] == [
        "shop.mail.send"
    ]


def test_only_the_beginning_of_a_line_is_matched(read):
    """An expression that is cubic in the length of a line stays quick, since it sees 512 bytes."""
    found = read("a" * 60_000 + "\n" + LINE, head=".*.*.*~~|" + HEAD)

    assert [each.task for each in found] == ["shop.mail.send"]


def test_scan_reads_what_events_reads(tmp_path):
    log = tmp_path / "worker.log"
    log.write_text(LINE * 3)
    source = Source(path=log, kind="lines", custom=CustomFormat(head=HEAD))

    assert scan([source], tmp_path).events == len(list(events(source)))
    assert Files([source]).measure(Query()).figures[0].task == "shop.mail.send"


def test_a_big_log_is_read_in_pieces_with_its_head(tmp_path, monkeypatch):
    monkeypatch.setattr("slowtask.parse.scan.PIECE_SIZE", 2000)
    other = f"[2026-11-23 18:48:35,822: INFO/MainProcess] {DONE}\n"
    log = tmp_path / "worker.log"
    log.write_text("".join((LINE, other)[number % 2].replace(JOB, f"{number:036}") for number in range(120)))
    source = Source(path=log, kind="lines", custom=CustomFormat(head=HEAD))

    assert scan([source], tmp_path).events == 120


@pytest.mark.parametrize(
    ("head", "words"),
    [
        ("%{TIME_IS:time} ", "no pattern TIME_IS; the nearest is TIME_ISO"),
        ("%{XYZZY}", "no pattern XYZZY; docs/logs.md"),
        ("%{TIME_ISO:when} ", "a head has no field when; write time, level, process, logger or none"),
        ("%{TIME_ISO:[host][name]} ", "a head has no field [host][name]"),
        ("%{TIME_ISO:time", "%{ isn't followed by a pattern"),
        ("%{TIME_ISO:time} ((", "isn't a regular expression"),
        ("%{TIME_ISO:time} (INFO|WARN) ", "write (?:…) for a group"),
    ],
)
def test_a_head_that_cannot_be_used_says_why(head, words):
    with pytest.raises(ValueError) as mistake:  # noqa: PT011 - its words are what is tested
        CustomFormat(head=head)

    assert words in str(mistake.value)


def test_a_field_of_one_s_own_has_the_text_and_the_time(read):
    text = msgspec.json.encode({"payload": {"words": DONE}, "moment": "2026-11-23T18:48:35Z"}) + b"\n"

    assert [type(each) for each in read(text)] == [Unparsable]
    assert [facts(each) for each in read(text, fields=(("payload.words", "text"), ("moment", "time")))] == [
        ("shop.mail.send", 1_500_000_000, "2026-11-23T18:48:35+00:00")
    ]


def test_a_field_of_one_s_own_wins_over_a_known_one(read):
    text = msgspec.json.encode({"message": "hello", "body_": DONE, "time": "2026-11-23T18:48:35Z"}) + b"\n"

    assert [each.task for each in read(text, fields=(("body_", "text"),))] == ["shop.mail.send"]


def test_of_two_fields_of_one_kind_the_first_is_asked_first():
    names = CustomFormat(fields=(("a", "text"), ("b", "text"))).field_names["text"]

    assert names[:3] == ("a", "b", "message")


def test_files_of_json_are_ranked_with_such_fields(tmp_path):
    """DuckDB reads them first, and finds that they aren't events of slowtask."""
    log = tmp_path / "worker.ndjson"
    log.write_bytes(msgspec.json.encode({"words": DONE, "moment": "2026-11-23T18:48:35Z"}) + b"\n")
    custom = CustomFormat(fields=parse_fields("words=text, moment=time"))
    found = Files([Source(path=log, kind="lines", custom=custom)]).measure(Query())

    assert [(each.task, each.count) for each in found.figures] == [("shop.mail.send", 1)]


@pytest.mark.parametrize("text", ["message", "message=", "=text", "a=text,b"])
def test_fields_that_are_no_pairs_are_refused(text):
    with pytest.raises(ValueError, match="write NAME=KIND"):
        parse_fields(text)


def test_a_kind_that_is_none_is_refused_with_those_that_are():
    with pytest.raises(ValueError, match="no kind 'txt'; the kinds are text, time, level"):
        CustomFormat(fields=parse_fields("message=txt"))


def test_a_complaint_about_a_time_is_about_that_of_the_head(read):
    [bad] = read(LINE.replace("11-23", "13-45"), head=HEAD)

    assert bad.reason is Reason.TIME
