"""A log that is a table, as consoles of log stores export it."""

import csv
import io
import json

import pytest

from slowtask.parse import entries, table
from slowtask.parse.cuts import find_cuts
from slowtask.parse.events import events
from slowtask.parse.items import Reason, Unparsable
from slowtask.parse.sources import Source

TASK = (
    "[2024-06-26 17:{0:02}:{1:02},000: INFO/ForkPoolWorker-1] Task shop.t{2}[519088f5-90fb-4d11-9c1c-{2:012}]"
    ' succeeded in 1.5s: {{"mailed": "ü, 7"}}'
)
JOB = "519088f5-90fb-4d11-9c1c-aaf75e8766ed"
RAISED = f"""17:28:07 [Job {JOB}]: exception raised while executing (shop.jobs.send)
Traceback (most recent call last):
  File "/app/jobs.py", line 3, in send
    raise ValueError("x, y")
ValueError: "x, y\""""
RQ = [("17:28:05", f"17:28:05 mail: shop.jobs.send('a, \"b\"') ({JOB})"), ("17:28:07", RAISED)]
#: The columns of exports: CloudWatch's console and Insights, Splunk, Kibana, Azure's portal, Datadog.
HEADERS = {
    "timestamp,message": "{ms},{text}",
    "@timestamp,@message": "2024-06-26 {time}.000,{text}",
    '"_raw","_time",host,source': '{text},"2024-06-26T{time}.000+0000",web1,/var/log/w.log',
    '"@timestamp","host.name",message': '"Jun 26, 2024 @ {time}.000",web1,{text}',
    "TimeGenerated [UTC],ContainerName_s,Log_s": '"6/26/2024, {time}.000 PM",worker,{text}',
    "Date,Host,Service,Message": '"2024-06-26T{time}.000Z","web1","shop",{text}',
}


@pytest.fixture
def read(tmp_path):
    """What a log tells: its runs, and what can't be read."""

    def read(text):
        path = tmp_path / "export.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        found = list(events(Source(path=path, kind="lines")))
        bad = [each for each in found if isinstance(each, Unparsable)]
        return [each for each in found if not isinstance(each, Unparsable)], bad

    return read


def quoted(text):
    file = io.StringIO()
    csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="").writerow([text])
    return file.getvalue()


def export(header, entries, *, separator=",", end="\n"):
    """A table with the row of each of *entries*, a time of day and a text."""
    rows = []
    for time, text in entries:
        hours, minutes, seconds = map(int, time.split(":"))
        at = 1719360000000 + (hours * 3600 + minutes * 60 + seconds) * 1000
        rows.append(HEADERS[header].format(ms=at, time=time, text=quoted(text)))
    lines = [header, *rows]
    if separator != ",":
        lines = [
            separator.join(quoted(cell) for cell in next(csv.reader(io.StringIO(each)))) for each in lines
        ]
    return "".join(line + end for line in lines)


def celery(count):
    return [(f"17:{at // 60:02}:{at % 60:02}", TASK.format(at // 60, at % 60, at)) for at in range(count)]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("header", HEADERS)
def test_each_row_is_a_line_of_the_log(read, header, newest_first, end):
    text = export(header, (celery(20) + RQ)[:: -1 if newest_first else 1], end=end)
    runs, bad = read(text)

    assert bad == []
    assert [each.task for each in runs] == [*(f"shop.t{at}" for at in range(20)), "shop.jobs.send"]
    assert (runs[-1].duration, runs[-1].error, runs[-1].message) == (2 * 10**9, "ValueError", '"x, y"')


@pytest.mark.parametrize("newest_first", [False, True])
def test_days_are_put_in_order_by_their_dates_not_their_letters(read, newest_first):
    rows = [
        f'"{day} @ 17:28:05.000",web1,"17:28:05 mail: shop.jobs.t{number}() ({JOB}{number})"\n'
        f'"{day} @ 17:28:09.000",web1,"17:28:09 mail: Job OK ({JOB}{number})"\n'
        for number, day in enumerate(("Aug 31, 2024", "Sep 9, 2024", "Sep 18, 2024"))
    ]
    lines = "".join(rows).splitlines(keepends=True)[:: -1 if newest_first else 1]
    runs, bad = read("".join(["@timestamp,host,message\n", *lines]))

    assert [(each.task, str(each.timestamp.date())) for each in runs] == [
        ("shop.jobs.t0", "2024-08-31"), ("shop.jobs.t1", "2024-09-09"), ("shop.jobs.t2", "2024-09-18"),
    ]  # fmt: skip
    assert bad == []


@pytest.mark.parametrize("separator", ["\t", ";"])
def test_fields_may_be_told_apart_by_something_else(read, separator):
    runs, bad = read(b"\xef\xbb\xbf" + export("timestamp,message", RQ, separator=separator).encode())

    assert ([each.task for each in runs], bad) == (["shop.jobs.send"], [])


@pytest.mark.parametrize("newest_first", [False, True])
def test_a_long_table_is_read_whole(read, newest_first, monkeypatch):
    monkeypatch.setattr(table, "MAX_AHEAD", 100)
    runs, bad = read(export("timestamp,message", celery(3000)[:: -1 if newest_first else 1]))

    assert [each.task for each in runs] == [f"shop.t{at}" for at in range(3000)]
    assert bad == []


def test_a_large_table_isnt_cut_into_pieces_that_lack_its_header(tmp_path):
    entries = celery(2000)
    plain, exported = tmp_path / "plain.log", tmp_path / "export.csv"
    plain.write_text("".join(f"{text}\n" for _, text in entries))
    exported.write_text(export("timestamp,message", entries))
    cuts = []
    for path in (plain, exported):
        with path.open("rb") as stream:
            cuts.append(find_cuts(stream, path.stat().st_size, 50_000))

    assert len(cuts[0]) > 2
    assert cuts[1] == [0]


def test_a_row_that_is_torn_is_reported_and_costs_no_other(read):
    first, second, third = celery(3)
    whole = export("timestamp,message", [first, second, third]).splitlines()
    runs, bad = read("\n".join([*whole[:2], whole[2].partition("ailed")[0], whole[3]]) + "\n")

    assert [each.task for each in runs] == ["shop.t0", "shop.t2"]
    assert [(each.line, each.reason) for each in bad] == [(3, Reason.MALFORMED)]


def test_a_table_that_ends_early_says_so(read):
    runs, bad = read(export("timestamp,message", celery(3))[:-9])

    assert [each.task for each in runs] == ["shop.t0", "shop.t1"]
    assert [(each.line, each.reason) for each in bad] == [(4, Reason.MALFORMED)]


def test_more_rows_than_can_be_put_in_order_are_reported(read, monkeypatch):
    monkeypatch.setattr(entries, "MAX_ENTRIES", 50)
    monkeypatch.setattr(table, "MAX_AHEAD", 20)
    runs, bad = read(export("timestamp,message", celery(60)[::-1]))

    assert len(runs) == 50
    assert len(bad) == 10


def test_rows_of_other_programs_are_no_complaint(read):
    entries = [("17:28:0" + str(at), f'10.0.0.7 - - "GET /_status HTTP/1.1" 200 {at}') for at in range(5)]
    runs, bad = read(export("timestamp,message", [*entries, *RQ]))

    assert ([each.task for each in runs], bad) == (["shop.jobs.send"], [])


def test_a_table_of_something_else_has_no_runs(read):
    runs, bad = read("timestamp,message\n1719360000000,hello\n1719360000001,world\n")

    assert (runs, bad) == ([], [])


@pytest.mark.parametrize(
    "first", ["message", "time: 7, message: 8", "name,value", "", ",,,", '"', "timestamp;x"]
)
def test_a_log_that_only_looks_like_a_table_is_read_line_by_line(read, first):
    (_, text), *_ = celery(1)
    runs, _ = read(f"{first}\n{text}\n")

    assert [each.task for each in runs] == ["shop.t0"]


def test_own_events_in_a_table_are_read(read):
    event = {
        "@timestamp": "2024-06-26T17:28:05.000000Z", "event.id": "0" * 16, "event.dataset": "slowtask.run",
        "event.outcome": "success", "event.duration": 7, "task.name": "shop.jobs.send",
    }  # fmt: skip
    runs, bad = read(export("timestamp,message", [("17:28:05", json.dumps(event))]))

    assert ([(each.task, each.duration) for each in runs], bad) == ([("shop.jobs.send", 7)], [])
