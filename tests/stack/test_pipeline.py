"""The Logstash filter makes of each line what `slowtask parse` makes of it."""

import re
from pathlib import Path

import msgspec
import pytest

from documents import nested
from logs import line, made
from pipeline import carried, logstash, odd
from pipeline.parsing import DAY, micro, parsed, runs, unparsed
from places import GOLDEN
from slowtask.parse.items import SENTENCES
from slowtask.parse.ndjson import flatten
from slowtask.record import event, sample
from wild import WILD

LOGS = sorted(GOLDEN.glob("*.log"))
#: What a filter can't know of a log that it gets line by line, and the parser can.
UNKNOWN = {
    "70-powershell-utf16": "Filebeat recodes UTF-16 by its setting `encoding`",
    "73-loguru-between-celery": "that a process has ended waits for the next line, which may name its task",
    "135-cloudwatch-filter-log-events": "the whole log is one JSON document",
    "137-cloudwatch-console-csv": "the whole log is one table",
    "171-kibana-csv-rq": "the whole log is one table",
    "138-gcloud-newest-first-rq": "the latest line comes first",
    "165-elasticsearch-search-answer": "the whole log is one JSON document",
    "166-cloudwatch-insights-answer": "the whole log is one JSON document",
    "167-loki-api-answer": "the whole log is one JSON document",
    "168-datadog-export": "the whole log is one JSON document",
    "169-azure-log-analytics": "the whole log is one JSON document",
}
#: The same where Filebeat joins lines, if those of a traceback begin like lines of their own.
JOINED = UNKNOWN | dict.fromkeys(
    ("09-journald-celery", "129-journald-short-iso-zone", "153-github-actions-compose"),
    "each line of a traceback has a time before it",
)
#: The same where it doesn't join them.
APART = UNKNOWN | {"69-terminal-wrapped": "the line is cut in two"}

pytestmark = pytest.mark.usefixtures("jruby")


def through(given, **environment):
    """What the filter makes of *given* events, flat."""
    return [flatten(each) for each in logstash.filtered(given, **environment)]


def of_lines(*texts, **environment):
    """What it makes of lines of one file."""
    offsets = [sum(len(each.encode()) + 1 for each in texts[:place]) for place in range(len(texts))]
    given = [
        logstash.event(text, Path("/var/log/app.log"), Status, offset)
        for text, offset in zip(texts, offsets, strict=True)
    ]
    return through(given, **environment)


class Status:
    """Of a file that nobody looks into."""

    st_dev, st_ino = 1, 2


@pytest.fixture(scope="module")
def strange(tmp_path_factory):
    """A log of the odd lines."""
    path = tmp_path_factory.mktemp("odd") / "odd.log"
    path.write_bytes("\n".join(odd.lines()).encode() + b"\n")
    return path


@pytest.fixture(scope="module")
def peeled(tmp_path_factory):
    """A log of lines in wrappers, behind heads, and in JSON."""
    path = tmp_path_factory.mktemp("carried") / "carried.log"
    path.write_bytes("\n".join(carried.lines()).encode() + b"\n")
    return path


def wild(unknown):
    """The logs as people have them; those in *unknown* give something else."""
    return [
        pytest.param(
            path,
            id=path.stem,
            marks=pytest.mark.xfail(strict=True, reason=unknown[path.stem]) if path.stem in unknown else (),
        )
        for path in sorted(WILD.glob("*.log"))
    ]


@pytest.mark.parametrize("path", wild(JOINED))
def test_a_wild_log_gives_the_parser_s_events(path):
    found = through(logstash.shipped(path), SLOWTASK_DATE=DAY)

    assert (runs(found), unparsed(found)) == parsed(path)


@pytest.mark.parametrize("path", wild(UNKNOWN))
def test_a_wild_log_whose_lines_come_all_together_gives_them_too(path):
    found = through(logstash.together(path), SLOWTASK_DATE=DAY)

    assert (runs(found), unparsed(found)) == parsed(path)


@pytest.mark.parametrize("path", LOGS, ids=lambda path: path.stem)
def test_a_golden_log_gives_the_parser_s_events(path):
    found = through(logstash.shipped(path), SLOWTASK_DATE=DAY)

    assert (runs(found), unparsed(found)) == parsed(path)


def test_lines_that_must_be_peeled_give_the_parser_s_events(peeled):
    found = through(logstash.shipped(peeled), SLOWTASK_DATE=DAY)

    assert (runs(found), unparsed(found)) == parsed(peeled)


def test_odd_lines_give_the_parser_s_events(strange):
    found = through(logstash.shipped(strange), SLOWTASK_DATE=DAY)

    assert (runs(found), unparsed(found)) == parsed(strange)


def test_times_that_are_centuries_apart_give_the_parser_s_event(tmp_path):
    log = tmp_path / "worker.log"
    log.write_text(
        "1723-11-23 18:47:58,000 default: jobs.a() (c-1)\n2026-11-23 18:47:58,000 default: Job OK (c-1)\n"
    )
    found = through(logstash.shipped(log))

    assert (runs(found), unparsed(found)) == parsed(log)


def test_odd_lines_that_come_one_by_one_lack_only_what_a_traceback_tells(strange):
    assert_untold(strange)


@pytest.mark.parametrize("path", [*(pytest.param(path, id=path.stem) for path in LOGS), *wild(APART)])
def test_line_by_line_only_what_a_traceback_tells_is_missing(path):
    assert_untold(path)


def assert_untold(path):
    """Line by line, the log at *path* gives all but what only a failure's traceback tells."""
    found = through(logstash.shipped(path, joined=False), SLOWTASK_DATE=DAY)

    expected, bad = parsed(path)
    assert untold(runs(found)) == untold(expected)
    assert unparsed(found) == bad


def untold(found):
    """Runs without what only a failure's traceback tells; that it timed out is one such thing."""
    records = [msgspec.json.decode(each) for each in found]
    told = dict.fromkeys(("event.action", "error.type", "error.message"))
    failed = [each | told if each["event.outcome"] == "failure" else each for each in records]
    return sorted(msgspec.json.encode(each, order="sorted") for each in failed)


def test_every_time_zone_is_as_good(tmp_path):
    [found] = of_lines(odd.TEXT + "1", SLOWTASK_TIMEZONE="Europe/Berlin")

    assert found["@timestamp"] == "2021-01-13T09:03:59.202000Z"


def test_a_clock_is_of_today_or_of_yesterday_where_it_is_still_to_come():
    start, end = "23:58:00 default: jobs.a() (1)", "23:59:30 default: Job OK (1)"
    given = [logstash.event(each, Path("/x.log"), Status, 0) for each in (start, end)]
    for each, read in zip(given, ("23:58:01", "00:00:10"), strict=True):
        day = 23 if read.startswith("23") else 24
        each["@timestamp"] = f"2026-11-{day}T{read}.000Z"

    [found] = through(given)

    assert found["event.start"] == "2026-11-23T23:58:00.000000Z"
    assert found["@timestamp"] == "2026-11-23T23:59:30.000000Z"


def test_an_event_of_ours_goes_through_as_it_is_and_leaves_nothing_else():
    run = made(
        start=made().timestamp, wait=5, cpu=6, memory=7, attempt=1, queue="q", system="rq", worker="w",
        host="h", pid=8, service="s", version="v", environment="e", error="E", message="m",
        stack_trace="t", labels={"tenant": "acme"}, trace="0", margin=9, reason="r", action="killed",
        task_id="j",
    )  # fmt: skip

    [found] = logstash.filtered([logstash.event(line(run).decode(), Path("/x.ndjson"), Status, 0)])

    assert found == nested(event.fields(run))


@pytest.mark.parametrize(
    "record",
    [
        sample.QueueSample(
            timestamp=made().timestamp,
            id="1",
            dataset="slowtask.queue",
            queue="q",
            system="rq",
            depth=3,
            load=1.5,
        ),
        sample.BrokerSample(
            timestamp=made().timestamp,
            id="2",
            dataset="slowtask.queue",
            system="redis",
            name="r",
            memory_max=9,
        ),
        sample.Alert(
            timestamp=made().timestamp,
            id="3",
            dataset="slowtask.alert",
            name="n",
            state="ok",
            blame="tenant=acme",
            message="m",
        ),
    ],
    ids=lambda record: type(record).__name__,
)
def test_a_monitor_s_line_keeps_its_dataset(record):
    [found] = of_lines(msgspec.json.encode(record).decode())

    assert found | {"@timestamp": micro(found["@timestamp"])} == msgspec.to_builtins(record) | {
        "@timestamp": event.iso(record.timestamp)
    }


def test_what_can_not_be_read_says_where_it_stands_and_keeps_the_line():
    [found] = of_lines("Time: not a log line")

    assert found.pop("event.id")
    assert found == {
        "@timestamp": "2026-11-23T23:59:59.000Z",
        "event.dataset": "slowtask.unparsed",
        "event.reason": "malformed",
        "event.original": "Time: not a log line",
        "log.file.path": "/var/log/app.log",
        "log.offset": 0,
        "host.name": "worker-1",
    }


def test_a_wrong_field_is_named():
    [found] = of_lines(odd.event(**{"task.wait": "soon"}))

    assert (found["event.reason"], found["error.message"]) == ("wrong-field", "task.wait")


def test_each_reason_is_one_that_the_parser_knows(strange):
    found = through(logstash.shipped(strange), SLOWTASK_DATE=DAY)

    reasons = {each["event.reason"] for each in found if each["event.dataset"] == "slowtask.unparsed"}
    assert reasons <= set(map(str, SENTENCES))
    assert len(reasons) > 8


def test_the_same_line_has_the_same_id_however_often_it_is_read():
    first, again = of_lines(odd.TEXT + "1"), of_lines(odd.TEXT + "1")

    assert first[0]["event.id"] == again[0]["event.id"]
    assert re.fullmatch("[0-9a-f]{32}", first[0]["event.id"])


def test_two_equal_lines_are_two_runs():
    found = of_lines(odd.TEXT + "1", odd.TEXT + "1")

    assert len({each["event.id"] for each in found}) == 2


def test_one_place_in_the_files_of_two_machines_is_two_runs():
    given = [logstash.event(odd.TEXT + "1", Path("/x.log"), Status, 0) for _ in range(2)]
    given[1]["agent"] = {"id": "a2"}

    assert len({each["event.id"] for each in through(given)}) == 2


def test_lines_that_stand_nowhere_have_ids_of_their_own():
    found = through([{"message": odd.TEXT + "1"}, {"message": odd.TEXT + "1"}])

    assert len({each["event.id"] for each in found}) == 2


@pytest.mark.parametrize("given", ["", "x" * 513])
def test_an_id_that_elasticsearch_would_refuse_is_replaced(given):
    [found] = of_lines(odd.event(**{"event.id": given}))

    assert re.fullmatch("[0-9a-f]{32}", found["event.id"])


def test_labels_get_names_that_elasticsearch_takes():
    [found] = of_lines(odd.event(labels={"a.b": "1", "": "2"}))

    assert found["labels"] == {"a_b": "1", "_": "2"}


def test_what_is_infinite_is_no_number():
    sample = odd.event(**{"event.dataset": "slowtask.queue", "queue.load": 5})

    [found] = of_lines(sample.replace('"queue.load": 5', '"queue.load": 1e999'))

    assert (found["event.reason"], found["error.message"]) == ("wrong-field", "queue.load")


def test_a_line_that_the_filter_fails_on_is_kept():
    [found] = through([{"message": "x" * 9, "log": {"offset": [1]}}])

    assert (found["event.reason"], found["event.original"]) == ("filter-error", "x" * 9)


def test_a_line_in_event_original_is_read_too():
    [found] = through([{"event": {"original": odd.TEXT + "1"}}])

    assert found["task.name"] == "jobs.a"
