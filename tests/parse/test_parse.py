"""Lines of any format into events."""

import gzip
import importlib.util
import os
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from places import GOLDEN
from slowtask.parse.events import events
from slowtask.parse.format import MAX_LINE_LENGTH
from slowtask.parse.items import Reason, Tally, Unparsable
from slowtask.parse.jobs import MAX_OPEN_JOBS
from slowtask.parse.ndjson import MAX_JSON_LENGTH
from slowtask.parse.reader import Reader
from slowtask.parse.revoked import MAX_REMEMBERED_TASKS
from slowtask.parse.sources import Source
from slowtask.parse.times import DateTracker, first_day, nanoseconds
from slowtask.record.event import Run, fields, identity

DAY = date(2026, 11, 23)
TEXT = b"Time: 2021-01-13 10:03:59,202 Task: jobs.send_mail Task-time: 1\n"
RUN = Run(
    timestamp=datetime(2026, 11, 23, 18, 47, 58, 145554, UTC),
    id="a1",
    dataset="slowtask.run",
    duration=237_846_000,
    outcome="success",
    task="jobs.compute",
)
LINE = msgspec.json.encode(fields(RUN))
JOB = "2aab4a44-c695-4817-9851-78ade4339869"

spec = importlib.util.spec_from_file_location("expect", GOLDEN / "expect.py")
expect = importlib.util.module_from_spec(spec)
spec.loader.exec_module(expect)


@pytest.fixture
def parsed(tmp_path):
    """What the parser makes of some bytes."""

    def parsed(content, **options):
        path = tmp_path / "a.log"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        options.setdefault("date", DAY)
        return list(events(Source(path=path, kind="lines"), **options))

    return parsed


@pytest.fixture
def reasons(parsed):
    """The reasons why some bytes can't be read, and the tasks of the runs among them."""

    def reasons(content):
        return [each.reason if isinstance(each, Unparsable) else each.task for each in parsed(content)]

    return reasons


# The golden files


@pytest.mark.parametrize("log", sorted(GOLDEN.glob("*.log")), ids=lambda log: log.stem)
def test_each_golden_line_gives_what_is_expected_of_it(log):
    expected = [
        msgspec.json.decode(line) for line in log.with_suffix(".expected.ndjson").read_bytes().splitlines()
    ]

    assert msgspec.json.decode(msgspec.json.encode(expect.found(log))) == expected


def test_all_golden_logs_mixed_in_one_zipped_file_give_the_same_events(tmp_path):
    logs = sorted(GOLDEN.glob("*.log"))
    apart = [each for log in logs for each in events(Source(path=log, kind="lines"), date=DAY)]
    mixed = tmp_path / "mixed.log.gz"
    mixed.write_bytes(gzip.compress(b"\n".join(log.read_bytes() for log in logs)))
    together = [each for each in events(Source(path=mixed, kind="lines"), date=DAY) if isinstance(each, Run)]

    assert [each.task_id for each in together] == [each.task_id for each in apart if isinstance(each, Run)]


# Times and durations


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (b"4.205731868743896", 4205731869),
        (b"1.2159347534179688e-05", 12159),
        (b"1", 10**9),
        (b"0", 0),
        (b".5", 500_000_000),
        (b"2.", 2 * 10**9),
        (b"0.0000000005", 1),
        (b"0.00000000049999999999999", 0),
        (b"1e-400", 0),
        (b"9223372036.854775807", 2**63 - 1),
    ],
)
def test_seconds_are_exact_in_nanoseconds(seconds, expected):
    assert nanoseconds(seconds) == expected


@pytest.mark.parametrize(
    "seconds", [b"-1", b"-1e-9", b"1e10", b"1e999999999", b"9223372036.854775808", b"9" * 99]
)
def test_a_negative_or_too_large_duration_is_refused(seconds):
    with pytest.raises(ValueError, match=r"^b'"):
        nanoseconds(seconds)


@given(st.integers(0, 10**18))
def test_nanoseconds_survive_as_seconds(number):
    assert nanoseconds(f"{number // 10**9}.{number % 10**9:09}".encode()) == number


@pytest.mark.parametrize("seconds", ["-1", "nan", "inf", "1e300"])
def test_a_line_with_such_a_duration_says_so(seconds, reasons):
    assert reasons(TEXT.replace(b"time: 1", b"time: " + seconds.encode())) == [Reason.DURATION]


def test_a_run_between_times_that_are_centuries_apart_has_no_run_time(parsed):
    """One of the times is wrong; a run time that no field can hold would stop who reads it."""
    (run,) = parsed(
        b"1723-08-13 22:30:52,518 default: jobs.encode(4) (90c192cf-d3ac-44af-8f21-ddb66cad4a26)\n"
        b"2026-08-14 22:30:52,518 default: Job OK (90c192cf-d3ac-44af-8f21-ddb66cad4a26)\n"
    )

    assert (run.task, run.duration, run.margin) == ("jobs.encode", None, None)


def test_a_date_that_does_not_exist_says_so(reasons):
    assert reasons(TEXT.replace(b"01-13", b"02-30")) == [Reason.TIME]


def test_times_without_a_zone_are_of_the_given_one(parsed):
    (run,) = parsed(TEXT, timezone=ZoneInfo("Europe/Berlin"))

    assert run.timestamp == datetime(2021, 1, 13, 9, 3, 59, 202000, UTC)


def test_a_time_with_a_zone_keeps_it(parsed):
    (run,) = parsed(TEXT.replace(b",202", b".202+0500"), timezone=ZoneInfo("Europe/Berlin"))

    assert run.timestamp == datetime(2021, 1, 13, 5, 3, 59, 202000, UTC)


# The text format


def test_a_text_line_gives_what_is_in_it_and_no_more(parsed):
    (run,) = parsed(TEXT)

    assert fields(run) == {
        "@timestamp": "2021-01-13T10:03:59.202000Z",
        "event.id": run.id,
        "event.dataset": "slowtask.run",
        "event.duration": 10**9,
        "event.outcome": "unknown",
        "task.name": "jobs.send_mail",
    }


def test_two_equal_lines_are_two_runs_named_by_where_they_stand(parsed, tmp_path):
    runs = parsed(TEXT * 2)
    status = (tmp_path / "a.log").stat()

    assert [run.id for run in runs] == [
        identity(f"{status.st_dev}:{status.st_ino}:{at}") for at in (0, len(TEXT))
    ]


def test_line_ends_of_windows_are_line_ends(reasons):
    rq = f"18:47:58 default: jobs.a() ({JOB})\r\n18:47:59 default: Job OK ({JOB})\r\n"
    celery = f"[2026-11-23 18:48:35,713: INFO/MainProcess] Task tasks.a[{JOB}] received\r\n"

    assert reasons(TEXT[:-1] + b"\r\n\r\n" + LINE + b"\r\n" + (rq + celery).encode()) == [
        "jobs.send_mail",
        "jobs.compute",
        "jobs.a",
    ]


# JSON lines


def runs():
    """Events of all kinds."""
    name = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
    number = st.integers(0, 2**63 - 1)
    maybe = lambda values: st.none() | values  # noqa: E731 - local shorthand
    zones = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))])
    moment = st.datetimes(datetime(1980, 1, 1), datetime(2100, 1, 1), timezones=zones)  # noqa: DTZ001 - the bounds
    return st.builds(
        Run,
        timestamp=moment,
        id=name,
        dataset=st.just("slowtask.run"),
        start=maybe(moment),
        duration=maybe(number),
        margin=maybe(number),
        outcome=st.sampled_from(["success", "failure", "unknown"]),
        action=maybe(st.sampled_from(["finished", "killed"])),
        task=name,
        attempt=maybe(st.integers(1, 2**15 - 1)),
        wait=maybe(number),
        queue=maybe(name),
        system=maybe(st.sampled_from(["rq", "celery", "dramatiq", "x" * 64])),
        message=maybe(name),
        labels=maybe(st.dictionaries(name, name, max_size=3)),
    )


def read(content):
    """What a reader makes of *content*, without a file."""
    out = []
    reader = Reader(out, lambda _: DateTracker(DAY), UTC)
    reader.read(content.split(b"\n"))
    reader.finish()
    return out


@given(runs())
def test_a_line_of_ours_parses_back_to_the_same_event(run):
    (item,) = read(msgspec.json.encode(fields(run)))

    assert item.run == run
    assert item.run.timestamp.tzinfo == UTC


@given(
    st.binary()
    | st.lists(st.sampled_from([TEXT, LINE, b"18:47:58 ", b"[2026-11-23 ", b"\n", b"{", b"\0"])).map(b"".join)
)
def test_parsing_never_raises(content):
    items = read(content)

    assert all(item.offset <= len(content) for item in items)


@given(st.data())
def test_a_damaged_golden_line_never_raises(data):
    lines = data.draw(st.sampled_from(sorted(GOLDEN.glob("*.log")))).read_bytes().splitlines()
    line = data.draw(st.sampled_from(lines))
    at = data.draw(st.integers(0, len(line)))
    items = read(line[:at] + data.draw(st.binary(max_size=5)) + line[at + data.draw(st.integers(0, 5)) :])

    assert len(items) <= 2


def test_a_nested_event_is_the_same_event(parsed):
    nested = {
        "_source": {
            "@timestamp": "2026-11-23T19:47:58.145554+01:00",
            "event": {"id": "a1", "dataset": "slowtask.run", "duration": 237846000, "outcome": "success"},
            "task": {"name": "jobs.compute"},
            "labels": {"a": "b"},
        }
    }
    (run,) = parsed(msgspec.json.encode(nested))

    assert run == msgspec.structs.replace(RUN, labels={"a": "b"})
    assert run.timestamp.tzinfo is UTC


def test_samples_and_alerts_of_ours_are_skipped_without_a_word(parsed):
    assert parsed(b'{"@timestamp":"2026-11-23T18:47:58Z","event.dataset":"slowtask.queue"}\n') == []


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (LINE[:60], Reason.TORN),
        (b"{", Reason.STRANGE),
        (b'{"level":"info","msg":"hi"}', Reason.STRANGE),
        (b'{"event.dataset":["slowtask.run"]}', Reason.FOREIGN),
        (LINE.replace(b"237846000", b'"1"'), Reason.FIELD),
        (LINE.replace(b"237846000", b"-1"), Reason.FIELD),
        (LINE.replace(b"237846000", b"1e400"), Reason.TORN),
        (LINE.replace(b"2026-11-23T18:47:58.145554Z", b"0001-01-01T00:00:00+23:00"), Reason.FIELD),
        (LINE.replace(b"58.145554Z", b"58.145554"), Reason.FIELD),
        (LINE[:-1] + b',"queue.system":""}', Reason.FIELD),
        (LINE[:-1] + b',"queue.system":"' + b"x" * 65 + b'"}', Reason.FIELD),
        (b'{"a":' * 5000, Reason.STRANGE),
    ],
)
def test_json_that_is_no_event_has_its_reason(line, reason, reasons):
    assert reasons(line + b"\n") == [reason]


def test_a_wrong_field_is_named(parsed):
    (bad,) = parsed(LINE.replace(b"237846000", b'"1"'))

    assert "event.duration" in bad.sentence


def test_a_line_behind_a_torn_one_is_recovered(parsed):
    torn, run = parsed(LINE[:60] + LINE + b"\n")

    assert (torn.reason, torn.text, torn.offset) == (Reason.TORN, LINE[:60].decode(), 0)
    assert run == RUN


def test_two_lines_without_a_line_end_between_are_two_runs(parsed):
    assert parsed(LINE + LINE) == [RUN, RUN]


def test_a_line_of_ours_behind_a_torn_text_line_is_recovered(reasons):
    assert reasons(TEXT[:40] + LINE) == [Reason.MALFORMED, "jobs.compute"]


def test_invalid_utf8_is_replaced_where_the_line_is_good_otherwise(parsed):
    ours, text = parsed(LINE.replace(b"compute", b"comp\xff") + b"\n" + TEXT.replace(b"mail", b"m\xffil"))

    assert (ours.task, text.task) == ("jobs.comp\ufffd", "jobs.send_m\ufffdil")


# What else a file can hold


def test_a_torn_last_line_costs_only_itself(reasons):
    assert reasons(TEXT + TEXT[:30]) == ["jobs.send_mail", Reason.MALFORMED]


def test_nul_bytes_are_told_and_what_stands_behind_them_is_read(parsed):
    nul, run, after = parsed(TEXT[:0] + b"\0" * 100 + LINE + b"\n" + TEXT)

    assert (nul.reason, run, after.task) == (Reason.NUL, RUN, "jobs.send_mail")


def test_an_empty_file_has_nothing_to_say(parsed):
    assert parsed(b"") == []


def test_blank_lines_are_no_lines(parsed):
    assert parsed(b"\n  \n\t\n\r\n") == []


def test_a_binary_file_is_refused_line_by_line(reasons):
    content = bytes(range(256)) * 20 + b"\n" + b"\x7fELF\x02\x01\x01\x00\x03\n" + b"\x89PNG\x1a\x02\n"

    assert set(reasons(content)) == {Reason.BINARY}


@pytest.mark.parametrize(
    "begin", [b"", TEXT[:-1], b"[2026-11-23 18:48:35,713: ", b"18:47:58 a: b(", b"{", b"("]
)
def test_a_megabyte_in_one_line_costs_only_itself(begin, reasons):
    line = begin + b"(" * 1024 * 1024

    assert reasons(TEXT + line + b"\n" + TEXT) == ["jobs.send_mail", Reason.LONG, "jobs.send_mail"]


def test_a_line_longer_than_any_block_is_skipped_in_bounded_memory(parsed):
    before, bad, after = parsed(TEXT + b"x" * (3 * MAX_JSON_LENGTH) + b"\n" + TEXT)

    assert (bad.reason, bad.line, len(bad.text)) == (Reason.LONG, 2, 200)
    assert before.task == after.task


def test_an_event_of_many_kilobytes_is_still_read(parsed):
    long = msgspec.structs.replace(RUN, stack_trace="x" * (2 * MAX_LINE_LENGTH))

    assert parsed(msgspec.json.encode(fields(long))) == [long]


@pytest.mark.parametrize(
    "line",
    [
        b"18:47:58 " + b"a: (" * 15_000 + b")",
        b"18:47:58 Worker " + b"w: " * 20_000 + b")",
        b"18:47:58 Successfully completed " + b"a() job in 0:00:0" * 3_000,
        b"[2026-11-23 18:48:35,713: INFO/" + b"M] Task a[b] raised unexpected: (" * 1_800,
        b"[2026-11-23 18:48:35,713: INFO/M] Task " + b"[" * 60_000 + b"] succeeded in 1s",
        b"Time: 2021-01-13 10:03:59,202 Task: " + b"a" * 60_000 + b" Task-time: " + b"1" * 3_000 + b"x",
    ],
    ids=range(6),
)
def test_a_spiteful_line_of_the_greatest_length_is_done_with(line):
    assert len(line) <= MAX_LINE_LENGTH
    assert len(read(line)) <= 1


def test_a_byte_order_mark_is_no_part_of_the_first_line(parsed):
    assert parsed(b"\xef\xbb\xbf" + LINE) == [RUN]


def test_a_gzip_file_cut_short_gives_what_is_there(tmp_path):
    path = tmp_path / "a.log.gz"
    noise = b"".join(
        TEXT.replace(b"time: 1", b"time: %d" % (7919 * number % 10007)) for number in range(9000)
    )
    path.write_bytes(gzip.compress(noise)[:-2000])
    *got, last = events(Source(path=path, kind="lines"))

    assert last.reason is Reason.DAMAGED
    assert len(got) > 1000


def test_colours_of_a_terminal_are_no_part_of_a_line(parsed):
    start = f"18:47:58 \x1b[32mdefault\x1b[39;49;00m: \x1b[34mjobs.a(x=1)\x1b[39;49;00m ({JOB})\n"
    (run,) = parsed(start + f"18:47:59 \x1b[32mdefault\x1b[39;49;00m: \x1b[34mJob OK\x1b[39;49;00m ({JOB})\n")

    assert (run.task, run.queue, run.duration, run.margin) == ("jobs.a", "default", 10**9, 10**9)


def test_lines_are_counted():
    tally = Tally()
    list(events(Source(path=GOLDEN / "text-format.log", kind="lines"), tally=tally))

    assert (tally.lines, tally.events, tally.unparsable.total(), tally.chatter) == (14, 11, 1, 2)


# RQ


def test_a_success_of_rq_2_without_its_start_still_has_all_that_is_there(parsed):
    (run,) = parsed(
        "18:47:58 Successfully completed jobs.a(x=1) job in 1 day, 0:00:00.25s on worker w1\n"
        f"18:47:58 Worker w1: default: Job OK ({JOB})\n"
    )

    assert (run.task, run.duration, run.queue, run.task_id) == ("jobs.a", 86_400_250_000_000, "default", JOB)
    assert run.margin is None
    assert run.start is None


def test_a_success_of_rq_1_without_its_start_has_no_name(reasons):
    assert reasons(f"18:47:58 default: Job OK ({JOB})\n") == [Reason.NAMELESS]


def test_without_descriptions_a_run_has_no_name_and_is_told_once(reasons):
    assert reasons(
        f"18:47:58 Worker w1: default: {JOB}\n"
        f"18:47:58 Successfully completed job {JOB} in 0:00:00.25s on worker w1\n"
        f"18:47:58 Worker w1: default: Job OK ({JOB})\n"
    ) == [Reason.NAMELESS]


def test_without_descriptions_a_failure_is_named_by_its_exception(parsed):
    (run,) = parsed(
        f"18:47:58 Worker w1: default: {JOB}\n"
        f"18:47:59 Worker w1: job {JOB}: exception raised while executing (jobs.a)\n"
    )

    assert (run.task, run.duration, run.queue) == ("jobs.a", 10**9, "default")


def test_workers_mixed_in_one_log_are_told_apart(parsed):
    lines = [
        *(f"18:47:5{n} Worker w{n}: default: jobs.a() (j{n})" for n in (1, 2)),
        "18:47:58 Successfully completed jobs.a() job in 0:00:07.5s on worker w1",
        "18:47:58 Worker w1: default: Job OK (j1)",
        "18:47:59 Successfully completed jobs.a() job in 0:00:06.5s on worker w2",
        "18:47:59 Worker w2: default: Job OK (j2)",
    ]

    assert [(run.task_id, run.worker, run.duration) for run in parsed("\n".join(lines))] == [
        ("j1", "w1", 7_500_000_000),
        ("j2", "w2", 6_500_000_000),
    ]


@pytest.mark.parametrize(
    "retry", ["Job {}: enqueued for retry, 2 remaining", "Worker w1: job {}: scheduled for retry at x"]
)
def test_a_failure_that_is_tried_again_is_a_retry(retry, parsed):
    (run,) = parsed(
        f"18:47:58 Worker w1: default: jobs.a() ({JOB})\n"
        f"18:47:59 Worker w1: job {JOB}: exception raised while executing (jobs.a)\n"
        "Traceback (most recent call last):\n  File x\nValueError: no\n\n"
        f"18:47:59 {retry.format(JOB)}\n"
    )

    assert (run.action, run.outcome, run.error) == ("retried", "failure", "ValueError")


def test_an_abandoned_job_is_told_where_its_start_is_known(parsed):
    (run,) = parsed(
        f"18:47:58 Worker w1: default: jobs.a() ({JOB})\n"
        f"18:49:58 StartedJobRegistry cleanup: {JOB} due to AbandonedJobError\n"
    )

    assert (run.action, run.duration) == ("abandoned", 120 * 10**9)


def test_starts_without_an_end_are_kept_in_bounded_number(parsed):
    """Jobs of killed workers never end: the oldest are forgotten."""
    lines = [f"18:47:58 default: jobs.a() (j{n})" for n in range(MAX_OPEN_JOBS + 1)]
    first, last = parsed(
        "\n".join([*lines, "18:47:58 default: Job OK (j0)", "18:47:58 default: Job OK (j1)"])
    )

    assert (first.reason, last.task_id) == (Reason.NAMELESS, "j1")


def at(clock, n=1):
    return f"{clock} default: jobs.a() (j{n})\n{clock} default: Job OK (j{n})\n"


def moments(items):
    return [item.timestamp.isoformat(sep=" ")[:16] for item in items]


def test_the_date_goes_back_over_midnights_from_when_the_file_was_last_changed(tmp_path):
    clocks = ("10:00:00", "23:59:59", "00:00:01", "09:00:00", "08:59:59", "08:00:00", "06:00:00")
    (tmp_path / "b.log").write_text("".join(map(at, clocks)))
    changed = datetime(2026, 11, 23, 6, 0, 1, tzinfo=UTC).timestamp()
    os.utime(tmp_path / "b.log", (changed, changed))

    assert moments(events(Source(path=tmp_path / "b.log", kind="lines"))) == [
        "2026-11-21 10:00",
        "2026-11-21 23:59",
        "2026-11-22 00:00",
        "2026-11-22 09:00",
        "2026-11-22 08:59",
        "2026-11-22 08:00",
        "2026-11-23 06:00",
    ]


def test_a_line_late_over_midnight_stays_on_its_day(parsed):
    assert moments(parsed(at("23:59:58") + at("00:00:01") + at("23:59:59") + at("00:00:02"))) == [
        "2026-11-23 23:59",
        "2026-11-24 00:00",
        "2026-11-23 23:59",
        "2026-11-24 00:00",
    ]


def test_no_line_is_younger_than_its_file():
    assert first_day(datetime(2026, 11, 23, 0, 0, 5, tzinfo=UTC), 86399, 0) == date(2026, 11, 22)
    assert first_day(datetime(2026, 11, 23, 23, 59, 59, tzinfo=UTC), 86390, 2) == date(2026, 11, 21)


def test_a_pipe_begins_today_or_yesterday():
    ends = os.pipe()
    clock = datetime.now(UTC) + timedelta(minutes=30)
    with os.fdopen(ends[1], "w") as pipe:
        pipe.write(at(f"{clock:%H:%M}:00"))
    (run,) = events(Source(path=Path(f"/dev/fd/{ends[0]}"), kind="lines"))
    os.close(ends[0])

    assert run.timestamp <= datetime.now(UTC) + timedelta(minutes=1)


# Celery


def celery(rest, level="INFO", process="ForkPoolWorker-1"):
    return f"[2026-11-23 18:48:35,713: {level}/{process}] {rest}\n"


def test_the_return_value_is_nowhere_in_the_event(parsed):
    (run,) = parsed(celery(f"Task tasks.a[{JOB}] succeeded in 0.5s: 'secret'"))

    assert "secret" not in str(fields(run))
    assert run.duration == 500_000_000


def test_what_a_task_logs_is_chatter(parsed):
    assert parsed(celery(f"tasks.a[{JOB}]: Task b[c] raised the roof", "WARNING")) == []


def test_an_expected_failure_is_a_failure_without_an_invented_duration(parsed):
    (run,) = parsed(celery(f"Task tasks.a[{JOB}] raised expected: KeyError('x')"))

    assert (run.outcome, run.action, run.error, run.message, run.duration) == (
        "failure",
        "failed",
        "KeyError",
        "'x'",
        None,
    )


def test_the_traceback_of_a_failure_names_its_class_in_full(parsed):
    content = celery(f"Task tasks.a[{JOB}] raised unexpected: NotFound('x')", "ERROR")
    (run,) = parsed(content + "Traceback (most recent call last):\n  File x\nshop.errors.NotFound: x\n")

    assert (run.error, run.message) == ("shop.errors.NotFound", "x")


def test_a_traceback_of_nobody_does_not_colour_the_next_failure(parsed):
    (run,) = parsed(
        "Traceback (most recent call last):\n  File x\nOSError: y\n"
        + celery(f"Task tasks.a[{JOB}] raised unexpected: KeyError('x')")
    )

    assert run.error == "KeyError"


@pytest.mark.parametrize("name", ["Send reports", "shop.jobs/a:b"])
def test_names_and_ids_of_a_users_own_may_have_spaces(name, parsed):
    (run,) = parsed(celery(f"Task {name}[my own id/7] succeeded in 0.5s: None"))

    assert (run.task, run.task_id) == (name, "my own id/7")


def test_a_lost_process_is_told_but_no_line_names_its_task(parsed):
    lost = "WorkerLostError('Worker exited prematurely: signal 9 (SIGKILL) Job: 3.')"
    (bad,) = parsed(
        celery(f"Task tasks.a[{JOB}] received")
        + celery(f"Task handler raised error: {lost}", "ERROR", "MainProcess")
        + "Traceback (most recent call last):\n  File x\nbilliard.exceptions.WorkerLostError: x\n"
    )

    assert (bad.reason, bad.line) == (Reason.NAMELESS, 2)


@pytest.mark.parametrize(
    ("how", "reason"),
    [("signal 9 (SIGKILL)", "signal 9"), ("exitcode 3", "exit status 3"), ("somehow", None)],
)
def test_a_task_that_is_tried_again_after_its_process_was_lost_was_killed(how, reason, parsed):
    error = f"WorkerLostError('Worker exited prematurely: {how} Job: 3.')"
    (run,) = parsed(celery(f"Task tasks.a[{JOB}] retry: Retry in 3s: {error}", process="MainProcess"))

    assert (run.action, run.reason, run.worker) == ("killed", reason, None)


def test_a_hard_time_limit_is_one_end_of_its_two_lines(parsed):
    (run,) = parsed(
        celery("Task handler raised error: TimeLimitExceeded(1)", "ERROR", "MainProcess")
        + "Traceback (most recent call last):\n  File x\nbilliard.exceptions.TimeLimitExceeded: x\n"
        + celery(f"Hard time limit (1s) exceeded for tasks.a[{JOB}]", "ERROR", "MainProcess")
    )

    assert (run.action, run.duration, run.margin, run.worker) == ("timed-out", 10**9, 10**9, None)


def test_a_process_that_is_lost_says_nothing_about_a_work_horse_of_rq(parsed):
    horse = "Moving job to FailedJobRegistry (Work-horse terminated unexpectedly; waitpid returned 9)"
    lost = "WorkerLostError('Worker exited prematurely: signal 9 (SIGKILL) Job: 3.')"
    run, bad = parsed(
        f"18:48:00 default: jobs.a() (1)\n18:48:02 {horse}\n"
        + celery(f"Task handler raised error: {lost}", "ERROR", "MainProcess")
    )

    assert (run.task, run.action) == ("jobs.a", "killed")
    assert bad.reason == Reason.NAMELESS


def test_an_event_with_fields_but_without_a_time_is_reported(reasons):
    line = "[info     ] task_succeeded      [django_structlog.celery.receivers] task_id=8cdb task=app.x\n"

    assert reasons(line) == [Reason.UNTIMED]


def test_a_retry_that_was_carried_on_at_no_time_is_one_all_the_same(parsed):
    (run,) = parsed(
        "18:48:00 default: jobs.a() (1)\n"
        "18:48:02 [Job 1]: exception raised while executing (jobs.a)\n"
        "2024-13-45T19:09:31Z 18:48:02 Job 1: enqueued for retry, 2 remaining\n"
    )

    assert run.action == "retried"


def test_a_date_with_slashes_behind_another_time_is_no_log_group(parsed):
    (run,) = parsed(
        f"2026-11-23T18:48:00.341Z 23/11/2026 18:47:59 | INFO | Task tasks.a[{JOB}] succeeded in 1s: 1\n"
    )

    assert (run.timestamp, run.labels) == (datetime(2026, 11, 23, 18, 47, 59, tzinfo=UTC), None)


def test_a_text_line_in_wrappers_says_where_it_came_from(parsed):
    (run,) = parsed(b"worker-1  | " + TEXT)

    assert run.labels == {"container": "worker-1"}


def test_two_coloured_lines_of_rq_in_one_are_both_read(parsed):
    first, second = parsed(
        "18:48:00 \x1b[32mdefault\x1b[39m: jobs.a() (1)\n18:48:00 default: jobs.b() (2)\n"
        "18:48:01 \x1b[32mdefault\x1b[39m: Job OK (1)\x1b[32m18:48:02\x1b[39m default: Job OK (2)\n"
    )

    assert (first.task, second.task) == ("jobs.a", "jobs.b")


def test_a_torn_line_is_not_completed_by_a_line_with_a_head(reasons):
    torn = celery("Task tasks.a[519088f5-")

    assert reasons(torn + f"2026-11-23 18:48:36 INFO Task tasks.b[{JOB}] ignored\n") == [
        Reason.MALFORMED,
        "tasks.b",
    ]


def test_what_a_task_prints_below_text_lines_is_not_its_end(reasons):
    printed = f"it says: Task tasks.a[{JOB}] ignored\n".encode()

    assert reasons(TEXT + printed) == ["jobs.send_mail", Reason.UNKNOWN]


def test_a_clock_before_the_name_of_a_process_is_its_carrier_s(parsed):
    (run,) = parsed(
        "18:47:58 worker.1 | 18:47:58 Successfully completed jobs.a() job in 0:00:01s on worker w\n"
    )

    assert (run.task, run.labels) == ("jobs.a", {"program": "worker.1"})


def test_a_time_with_the_day_first_is_as_good_for_a_failure(parsed):
    (run,) = parsed(f"23.11.2026 18:48:36,500 Task tasks.a[{JOB}] raised unexpected: KeyError('x')\n")

    assert run.timestamp == datetime(2026, 11, 23, 18, 48, 36, 500_000, tzinfo=UTC)


def test_a_rejected_task_goes_back_to_its_queue_or_ends_as_nobody_knows(parsed):
    again, away = parsed(
        celery(f"Task tasks.a[{JOB}] reject requeue=True: later", "WARNING")
        + celery(f"Task tasks.a[{JOB}] reject requeue=False: never", "WARNING")
    )

    assert (again.action, again.outcome) == ("retried", "failure")
    assert (away.action, away.outcome) == ("finished", "unknown")


RECEIVED = celery(f"Task tasks.a[{JOB}] received", process="MainProcess")
TERMINATING = celery(f"Terminating {JOB} (15)", process="MainProcess")
DISCARDING = celery(f"Discarding revoked task: tasks.a[{JOB}]", process="MainProcess")
UNABLE = celery("pidbox command error: NotImplementedError('no')", "ERROR", "MainProcess")


def test_a_terminated_task_is_named_by_the_line_that_received_it(parsed):
    (run,) = parsed(RECEIVED + TERMINATING)

    assert (run.task, run.task_id, run.action, run.reason) == ("tasks.a", JOB, "stopped", None)


def test_a_terminated_task_that_was_received_before_the_log_has_no_name(reasons):
    assert reasons(TERMINATING) == [Reason.NAMELESS]


def test_received_tasks_are_remembered_in_bounded_number(reasons):
    other = celery("Task tasks.a[x] received")

    assert reasons(RECEIVED + other * (MAX_REMEMBERED_TASKS - 1) + TERMINATING) == ["tasks.a"]
    assert reasons(RECEIVED + other * MAX_REMEMBERED_TASKS + TERMINATING) == [Reason.NAMELESS]


def test_a_task_terminated_before_it_began_is_told_once(parsed):
    assert len(parsed(RECEIVED + TERMINATING + RECEIVED + DISCARDING)) == 1


def test_a_pool_that_can_not_terminate_lets_the_task_end_by_itself(parsed):
    done = celery(f"Task tasks.a[{JOB}] succeeded in 0.5s: None", process="MainProcess")
    (run,) = parsed(RECEIVED + TERMINATING + UNABLE + done)

    assert run.action == "finished"


def test_a_task_that_never_ran_was_revoked_where_the_log_says_so(parsed):
    flagged = celery(f"Tasks flagged as revoked: x, {JOB}", process="MainProcess")
    header = DISCARDING.replace("]\n", "] (revoked by header: {'tenant': 'acme'})\n")
    ends = [parsed(each)[0] for each in (flagged + DISCARDING, header, DISCARDING)]

    assert [(run.action, run.reason) for run in ends] == [
        ("stopped", "revoked"), ("stopped", "revoked"), ("stopped", None)
    ]  # fmt: skip


def test_a_task_that_the_worker_does_not_know_failed(parsed):
    (run,) = parsed(
        celery("Received unregistered task of type 'tasks.b'.", "ERROR", "MainProcess")
        + "The message has been ignored and discarded.\n\n{'id': 'x'}\n"
        + "Traceback (most recent call last):\n  File x\nKeyError: 'tasks.b'\n"
    )

    assert (run.task, run.action, run.error, run.duration) == ("tasks.b", "failed", "KeyError", None)


def test_the_banner_is_chatter(parsed):
    banner = [
        *(
            " ",
            " -------------- celery@host v5.7.0 (x)",
            "--- ***** ----- ",
            "-- ******* ---- Linux-6.1 2026-11-23",
        ),
        *("- *** --- * --- ", "- ** ---------- [config]", "- ** ---------- .> app:         tasks:0x7f"),
        *(
            " -------------- [queues]",
            "                .> celery           exchange=celery(direct) key=celery",
        ),
        *("", "[tasks]", "  . tasks.compute", "", "worker: Warm shutdown (MainProcess)"),
    ]

    assert parsed("\n".join(banner)) == []
