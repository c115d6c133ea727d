"""A log that is one JSON document, as clouds' command lines print it."""

import json

import pytest

from slowtask.parse.document import MAX_LENGTH
from slowtask.parse.events import events
from slowtask.parse.items import Reason, Unparsable
from slowtask.parse.ndjson import MAX_JSON_LENGTH
from slowtask.parse.sources import Source

JOB = "519088f5-90fb-4d11-9c1c-aaf75e8766e{}"
HEAD = "[2024-06-26 17:{0:02}:{1:02},000: INFO/ForkPoolWorker-1]"
TASK = HEAD + " Task shop.t{2}[519088f5-90fb-4d11-9c1c-{2:012}] succeeded in 1.5s: None"


def entries(count):
    """So many entries as a cloud lists them, the earliest first."""
    return [
        {
            "timestamp": f"2024-06-26T17:{at // 60:02}:{at % 60:02}Z",
            "message": TASK.format(at // 60, at % 60, at),
        }
        for at in range(count)
    ]


@pytest.fixture
def read(tmp_path):
    """What a document tells: its runs, and what can't be read."""

    def read(text):
        path = tmp_path / "export.json"
        path.write_text(text)
        found = list(events(Source(path=path, kind="lines")))
        bad = [each for each in found if isinstance(each, Unparsable)]
        return [each for each in found if not isinstance(each, Unparsable)], bad

    return read


@pytest.mark.parametrize("indent", [2, 4, "\t"])
@pytest.mark.parametrize("wrap", [list, lambda found: {"events": found, "nextToken": "x"}])
def test_each_entry_of_an_indented_document_is_a_line(read, indent, wrap):
    runs, bad = read(json.dumps(wrap(entries(5)), indent=indent) + "\n")

    assert [each.task for each in runs] == [f"shop.t{number}" for number in range(5)]
    assert bad == []


@pytest.mark.parametrize("wrap", [list, lambda found: {"events": found}])
def test_a_document_on_one_line_is_read_too(read, wrap):
    runs, bad = read(json.dumps(wrap(entries(3)), separators=(",", ":")))

    assert len({each.id for each in runs}) == 3
    assert bad == []


def of_elasticsearch(found):
    hits = [
        {"_index": "logs", "_source": {"@timestamp": each["timestamp"], "message": each["message"]}}
        for each in found
    ]
    return {"took": 5, "timed_out": False, "hits": {"total": {"value": len(hits)}, "hits": hits}}


def of_insights(found):
    columns = (("@timestamp", "timestamp"), ("@message", "message"))
    return {"results": [[{"field": name, "value": each[key]} for name, key in columns] for each in found]}


def of_loki(found):
    values = [[each["timestamp"], each["message"]] for each in found]
    return {
        "status": "success",
        "data": {"resultType": "streams", "result": [{"stream": {}, "values": values}]},
    }


def of_datadog(found):
    return {"data": [{"id": "x", "attributes": each} for each in found]}


#: What services answer, with the same entries.
ANSWERS = [of_elasticsearch, of_insights, of_loki, of_datadog]


@pytest.mark.parametrize("layout", [{}, {"separators": (",", ":")}, {"indent": 2}, {"indent": 4}])
@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("answer", ANSWERS)
def test_what_a_service_answers_is_read_as_it_is(read, answer, newest_first, layout):
    found = entries(20)[:: -1 if newest_first else 1]
    runs, bad = read(json.dumps(answer(found), **layout))

    assert [each.task for each in runs] == [f"shop.t{number}" for number in range(20)]
    assert bad == []


@pytest.mark.parametrize("layout", [{}, {"indent": 2}])
@pytest.mark.parametrize("answer", ANSWERS)
def test_an_answer_may_be_longer_than_a_line(read, answer, layout):
    found = [each | {"message": each["message"] + "x" * 300} for each in entries(3600)]
    text = json.dumps(answer(found), **layout)
    runs, bad = read(text)

    assert len(text) > MAX_JSON_LENGTH
    assert len(runs) == 3600
    assert bad == []


def test_an_answer_that_is_too_long_is_refused_aloud(read):
    text = json.dumps(of_loki([each | {"message": each["message"] + "x" * 5000} for each in entries(2000)]))
    runs, (bad,) = read(text)

    assert len(text) > MAX_LENGTH
    assert (runs, bad.reason) == ([], Reason.LONG)


@pytest.mark.parametrize(
    "text",
    [
        '{"status":"success","data":{"result":[{"stream":1,"values":[["1"],"x",3,["17096",null]]},7]}}',
        '{"results":[[{"field":1,"value":2},{"field":"a"},{"field":"a","value":[]}],3,[[]]],"x":1}',
        '{"took":1,"timed_out":false,"hits":{"hits":[1,{"_source":4},{"_source":{"message":null}}]}}',
        '{"data":[[[]],{"attributes":"x"},null]}',
    ],
)
def test_an_answer_of_another_shape_is_no_log(read, text):
    assert read(text)[0] == []


def test_the_latest_entry_may_come_first(read):
    text = [
        {"timestamp": "2024-06-26T17:28:09Z", "message": f"17:28:09 default: Job OK ({JOB.format(1)})"},
        {"timestamp": "2024-06-26T17:28:05Z", "message": f"17:28:05 default: jobs.a() ({JOB.format(1)})"},
    ]
    (run,), bad = read(json.dumps(text, indent=2))

    assert (run.task, run.duration, bad) == ("jobs.a", 4_000_000_000, [])


def test_an_entry_that_is_broken_is_reported_and_costs_no_other(read):
    text = json.dumps(entries(3), indent=2).replace(
        '"message": "[2024-06-26 17:00:01', '"message" "[2024-06-26 17:00:01'
    )
    runs, bad = read(text)

    assert [each.task for each in runs] == ["shop.t0", "shop.t2"]
    assert [(each.reason, each.line) for each in bad] == [(Reason.TORN, 6)]


def test_a_document_that_ends_early_says_so(read):
    text = json.dumps(entries(2), indent=2)
    runs, bad = read(text[: text.rindex("None") + 2])

    assert len(runs) == 1
    assert [each.reason for each in bad] == [Reason.TORN]


def test_a_document_of_something_else_is_an_unknown_log(read):
    runs, bad = read('{\n  "name": "slow",\n  "version": 1\n')

    assert runs == []
    assert {each.reason for each in bad} == {Reason.STRANGE}


def test_a_log_that_only_begins_with_a_brace_is_read_line_by_line(read):
    runs, bad = read("{\n" + "".join(f"{entry['message']}\n" for entry in entries(3)))

    assert [each.task for each in runs] == ["shop.t0", "shop.t1", "shop.t2"]
    assert bad == []


def test_log_lines_behind_a_document_are_reported(read):
    text = json.dumps(entries(2000), indent=2) + "\n"
    runs, bad = read(text + entries(1)[0]["message"] + "\n")

    assert len(runs) == 2000
    assert [each.reason for each in bad] == [Reason.TORN]
