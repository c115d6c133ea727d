"""What carried a line is taken off it, and what it knows is kept."""

import pytest

from slowtask.parse.layouts import MAX_LAYOUTS, Layouts
from slowtask.parse.wrappers import unwrap

CELERY = b"[2024-12-14 19:09:31,001: INFO/MainProcess] celery@host ready."
RQ = b"19:09:31 default: jobs.a() (1)"
TIME = b"2024-12-14T19:09:31.123456789Z"

#: What was put before a line, the rows that know it, and what they give: host, labels.
WRAPPED = [
    (b"worker-1  | ", ["WRAP_COMPOSE"], None, {"container": "worker-1"}),
    (b"app_worker.1.abc@node    | ", ["WRAP_COMPOSE"], None, {"container": "app_worker.1.abc@node"}),
    (b"worker-1  | " + TIME + b" ", ["WRAP_COMPOSE", "WRAP_TIME"], None, {"container": "worker-1"}),
    (TIME + b" ", ["WRAP_TIME"], None, None),
    (b"2024-12-14T19:09:31.123+01:00 ", ["WRAP_TIME"], None, None),
    (TIME + b" stderr F ", ["WRAP_CRI"], None, None),
    (b"[pod/worker-abc/main] ", ["WRAP_KUBECTL"], None, {"pod": "worker-abc", "container": "main"}),
    (b"Dec 14 19:09:31 web1 celery[1603]: ", ["WRAP_SYSLOG"], "web1", {"program": "celery"}),
    (b"Dec  4 19:09:31 celery[1603]: ", ["WRAP_SYSLOG"], None, {"program": "celery"}),
    (b"<14>Dec 14 19:09:31 web1 rq[7]: ", ["WRAP_SYSLOG"], "web1", {"program": "rq"}),
    (b"Dec 14 19:09:31 web1 rq: ", ["WRAP_SYSLOG_PROGRAM"], "web1", {"program": "rq"}),
    (b"2024-12-14T19:09:31+0000 web1 celery[1603]: ", ["WRAP_ISO_PROCESS"], "web1", {"program": "celery"}),
    (b"Sat 2024-12-14 19:09:31 UTC web1 rq[7]: ", ["WRAP_ISO_PROCESS"], "web1", {"program": "rq"}),
    (b"2024-12-14T19:09:31+00:00 app[web.1]: ", ["WRAP_ISO_PROCESS"], None, {"program": "app[web.1]"}),
    (b"1734203371.123456 web1 celery[1603]: ", ["WRAP_EPOCH_PROCESS"], "web1", {"program": "celery"}),
    (b"<165>1 " + TIME + b" web1 rq 1603 ID47 - ", ["WRAP_SYSLOG_5424"], "web1", {"program": "rq"}),
    (b"<165>1 " + TIME + b' w rq - - [a@1 b="c\\"]"][d@2] ', ["WRAP_SYSLOG_5424"], "w", {"program": "rq"}),
    (b"19:09:31 worker.1   | ", ["WRAP_HONCHO"], None, {"program": "worker.1"}),
    (b"0|worker   | ", ["WRAP_PM2"], None, {"program": "worker"}),
    (TIME + b" ecs/worker/0123abc ", ["WRAP_STREAM"], None, {"program": "ecs/worker/0123abc"}),
    (b"logs/worker.log.1:12:", ["WRAP_GREP"], None, {"program": "logs/worker.log.1"}),
    (b"    12\t", ["WRAP_NUMBER"], None, None),
    (b"> ", ["WRAP_NUMBER"], None, None),
]  # fmt: skip


@pytest.mark.parametrize(("before", "rows", "host", "labels"), WRAPPED, ids=lambda each: str(each)[:40])
@pytest.mark.parametrize("line", [CELERY, RQ], ids=["celery", "rq"])
def test_what_carried_a_line_comes_off(before, rows, host, labels, line):
    found = unwrap(before + line)

    assert (found.text, list(found.envelope.wrappers)) == (line, rows)
    assert found.envelope.origin[:2] == (host, labels)


@pytest.mark.parametrize(
    "line",
    [
        CELERY,
        RQ,
        b"Time: 2021-01-13 10:03:59,202 Task: jobs.a Task-time: 1",
        b"2026-03-04 09:05:42 q1: jobs.crunch(1) (1)",
        b"2026-03-04 09:05:44 Successfully completed jobs.crunch(1) job in 0:00:02s on worker w",
        b"2024-05-06T07:08:09Z Worker w1: default: jobs.a() (1)"[21:],
        b"INFO     | app.vision:page:34 - done",
        b"2025-06-24 07:02:48.336 | INFO     | app.vision:page:34 - done",
        b'  File "a.py", line 1, in a',
        b"ValueError: a | b",
    ],
)
def test_a_line_that_nothing_carried_stays_as_it_is(line):
    assert unwrap(line) is None


def test_a_worker_s_name_is_no_host():
    found = unwrap(TIME + b" Worker w1: default: jobs.a() (1)")

    assert found.text == b"Worker w1: default: jobs.a() (1)"


@pytest.mark.parametrize(("before", "rows", "host", "labels"), WRAPPED, ids=lambda each: str(each)[:40])
def test_a_second_line_is_unwrapped_as_the_first_was(before, rows, host, labels):
    layouts = Layouts()
    layouts.learn(before + CELERY, unwrap(before + CELERY))
    later = before.replace(b"19:09:31", b"20:10:32").replace(b"1734203371", b"1734207032")
    known = layouts.unwrap(later + RQ)

    expected = unwrap(later + RQ)
    if known is not None:  # the number that grep shows, and a syslog's time, may differ
        assert known == (expected.envelope, expected.text)
    assert layouts.unwrap(before + RQ) is not None


def test_only_the_latest_wrappings_are_known():
    layouts = Layouts()
    for number in range(MAX_LAYOUTS + 1):
        line = b"w" * (number + 1) + b"  | " + CELERY
        layouts.learn(line, unwrap(line))

    assert len(layouts.known) == MAX_LAYOUTS
    assert layouts.unwrap(b"w  | " + RQ) is None


def test_a_line_that_comes_in_parts_is_not_remembered():
    layouts = Layouts()
    line = TIME + b" stdout P half"
    layouts.learn(line, unwrap(line))

    assert layouts.known == []
