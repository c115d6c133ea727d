"""`slowtask task`: the page of one task, in the terminal and as JSON."""

import json
import re

import pytest
from click.testing import CliRunner

from logs import made, written
from places import EXAMPLES, GOLDEN
from slowtask import cli
from slowtask.errors import SlowtaskError, SourceError, UsageError
from slowtask.rank.link import LinkPattern

EXAMPLE = EXAMPLES / "slowtask.ndjson"
HOSTILE = "\x1b[31m[bold]x[/bold]\u202e\n<script>" + "y" * 3000
LONG = "shop.jobs.a_task_with_a_name_that_is_rather_long"
FAILED = {"outcome": "failure", "action": "failed", "error": "KeyError"}


def run(*arguments, width=120, **variables):
    environment = {"COLUMNS": str(width), "SLOWTASK_TRACE_URL": None, **variables}
    return CliRunner().invoke(cli.slowtask, ["task", *map(str, arguments)], env=environment)


def section(output, title):
    """The lines of the section that *title* begins, up to the next empty one."""
    lines = iter(output.splitlines())
    for each in lines:
        if each.strip().startswith(title):
            break
    found = []
    for each in lines:
        if not each.strip():
            break
        found.append(each.rstrip())
    return found


@pytest.fixture(scope="module")
def page():
    return run("send_mail", EXAMPLE).output


def test_the_first_sentence_says_what_the_task_costs_and_what_it_does(page):
    assert "shop.jobs.send_mail used 70 % of the worker time and waits on others 99.7 % of its time." in page


@pytest.mark.parametrize(
    "title", ["RUN TIME", "FROM (UTC)", "WORKER", "WAITED BEHIND", "LONGEST RUNS, BY THEIR ENDS (UTC)"]
)
def test_the_page_has_a_section_for_each_question(page, title):
    assert title in page


def test_what_all_runs_have_in_common_is_one_line(page):
    assert "queue mail, host worker-1, version 4.2.0, RQ, service shop" in page


def test_a_longest_run_has_its_job_and_the_offset_of_its_line(page):
    first, *others = section(page, "LONGEST RUNS")
    place = " ".join(" ".join(others).split())  # where a line ends depends on how long the path is
    offset = int(re.search(r"at byte (\d+)", place)[1])

    assert "863 ms, waited 3.9 s" in first
    assert "job 4dd940bb-151d-401e-ba24-0f587a655718" in place
    assert b"4dd940bb-151d-401e-ba24-0f587a655718" in EXAMPLE.read_bytes()[offset:].split(b"\n")[0]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_page_fits_the_terminal(width, tmp_path):
    runs = [
        made(
            LONG, 1.0 + number, number * 60, wait=10**9 * number, cpu=10**8, memory=10**8,
            queue=("mail", "q" * 300)[number % 2], host=f"host-{number % 3}.example.org",
            version=f"1.{number % 2}", worker=f"celery@host-{number % 3}.example.org", trace=f"{number:032}",
            task_id=f"{number:036}", **({**FAILED, "message": "m" * 900} if number % 5 == 0 else {}),
        )
        for number in range(40)
    ]  # fmt: skip
    killed = made(
        LONG, 1.0, 9000, outcome="failure", action="killed", reason="signal 9", memory=10**9, host="h",
        worker="w",
    )  # fmt: skip
    log = written(tmp_path / "runs.ndjson", [*runs, killed])

    done = run(LONG, log, width=width, SLOWTASK_TRACE_URL="https://apm.example.org/{trace}")

    assert done.exit_code == 0
    assert [row for row in done.output.splitlines() if len(row) > width] == []
    assert "signal 9" in done.output


def test_names_and_messages_cant_steer_the_terminal(tmp_path):
    hostile = made(
        HOSTILE, 1.0, queue=HOSTILE, host=HOSTILE, worker=HOSTILE, version=HOSTILE, task_id=HOSTILE,
        trace=HOSTILE, outcome="failure", action="killed", reason=HOSTILE, error=HOSTILE, message=HOSTILE,
        service=HOSTILE, wait=1, cpu=1, memory=1,
    )  # fmt: skip
    other = made(HOSTILE, 1.0, 1, queue="q", host="h", worker="w", version="v", outcome="success", wait=5)
    done = run(HOSTILE, written(tmp_path / "runs.ndjson", [hostile, other]))

    assert done.exit_code == 0
    assert "\x1b" not in done.output
    assert "\u202e" not in done.output
    assert "[bold]" in done.output
    assert len(done.output) < 20_000


def test_failures_of_one_mistake_are_counted_together(tmp_path):
    runs = [made(number=number, message=f"order {number} is gone", **FAILED) for number in range(7)]

    done = run("thumb", written(tmp_path / "runs.ndjson", runs))

    assert section(done.output, "RUNS  EXCEPTION") == ["    7  KeyError: order <n> is gone"]


def test_kills_have_their_signal_and_peak_memory():
    done = run("rebuild_index", EXAMPLE)

    [row] = section(done.output, "KILLED BY")
    assert "signal 9" in row
    assert "MB" in row


def test_a_stock_log_says_what_it_does_not_tell():
    done = run("jobs.send_mail", GOLDEN / "rq-3.0.0-worker.log")

    assert done.exit_code == 0
    assert done.output.count("not known: slowtask's workers record it, stock logs don't have it") == 3
    assert "waits on others" not in done.output
    assert "WAITED BEHIND" not in done.output


def test_json_is_one_object_with_null_where_nothing_is_known():
    found = json.loads(run("jobs.send_mail", GOLDEN / "rq-3.0.0-worker.log", "--json").stdout)

    assert (found["task"], found["count"], found["cpu"], found["waited"]) == ("jobs.send_mail", 4, None, None)


def test_json_has_all_that_the_page_shows():
    found = json.loads(run("send_mail", EXAMPLE, "--json").stdout)

    assert sum(each["count"] for each in found["histogram"]) == found["count"] == 9
    assert sum(each["count"] for each in found["times"]) == 9
    assert sum(each["share"] for each in found["behind"]) == pytest.approx(1)
    assert found["worst"][0]["ended"] == "2026-11-23T23:45:19.777952Z"
    assert found["worst"][0]["offset"] == EXAMPLE.read_bytes().rfind(
        b"\n", 0, EXAMPLE.read_bytes().index(b"4dd940bb-151d")
    ) + 1  # fmt: skip


def test_a_link_is_made_of_the_setting_and_quoted(tmp_path):
    log = written(tmp_path / "runs.ndjson", [made(trace="a/b?c", host="web 1")])
    url = "https://apm.example.org/{host}/{trace}"

    found = json.loads(run("thumb", log, "--json", SLOWTASK_TRACE_URL=url).stdout)

    assert found["worst"][0]["link"] == "https://apm.example.org/web%201/a%2Fb%3Fc"


def test_a_run_without_a_trace_has_no_link(tmp_path):
    log = written(tmp_path / "runs.ndjson", [made()])
    done = run("thumb", log, SLOWTASK_TRACE_URL="https://apm.example.org/{trace}")

    assert "apm.example.org" not in done.output


@pytest.mark.parametrize(
    ("pattern", "mistake"),
    [
        ("javascript:alert({trace})", "isn't an address"),
        ("https://apm.example.org/{trace} x", "isn't an address"),
        ("https://apm.example.org/{span}", "has no value 'span'"),
        ("https://apm.example.org/", "needs a value in braces"),
        ("https://apm.example.org/{trace}}", "needs a value in braces"),
        ("https://apm.example.org/{trace.__class__}", "has no value"),
    ],
)
def test_a_pattern_that_can_t_be_used_is_refused(pattern, mistake):
    with pytest.raises(UsageError, match=mistake):
        LinkPattern(pattern)


@pytest.mark.parametrize(
    ("arguments", "mistake"),
    [
        (["nothing_like_it", EXAMPLE], "The log has no task 'nothing_like_it'. It has shop.jobs"),
        (["sendmail", EXAMPLE], "It has send_mail, shop.jobs.send_mail."),
        (["send_mail", "http://127.0.0.1:1"], "can't be reached"),
        (["send_mail", EXAMPLE, "--queue", "nowhere"], "No run matches"),
    ],
)
def test_a_wrong_name_or_source_is_one_sentence(arguments, mistake):
    done = run(*arguments)

    assert isinstance(done.exception, SlowtaskError)
    assert mistake in str(done.exception)
    assert "\n" not in str(done.exception)


def test_an_empty_log_is_told(tmp_path):
    (tmp_path / "empty.log").touch()

    assert "The logs hold no runs yet" in str(run("x", tmp_path / "empty.log").exception)


def test_a_line_that_was_not_read_is_told_and_is_status_3(tmp_path):
    log = written(tmp_path / "runs.ndjson", [made()], b'{"@timestamp":"2026-11-23T18:47')

    done = run("thumb", log)

    assert done.exit_code == 3
    assert "1 line may tell of a run and wasn't read" in done.stderr


def test_where_and_until_choose_the_runs(tmp_path):
    log = written(tmp_path / "runs.ndjson", [made(number=n, version=f"1.{n % 2}") for n in range(10)])

    found = json.loads(run("thumb", log, "--json", "--where", "version=1.1").stdout)

    assert found["count"] == 5


def test_the_file_is_named_as_the_user_named_it(tmp_path, monkeypatch):
    written(tmp_path / "runs.ndjson", [made()])
    monkeypatch.chdir(tmp_path)

    found = json.loads(run("thumb", "runs.ndjson", "--json").stdout)

    assert found["worst"][0]["file"] == "runs.ndjson"


def test_a_log_that_does_not_say_how_runs_ended_has_no_failures():
    done = run("jobs.compute", GOLDEN / "text-format.log")

    assert "unknown outcome 2" in done.output
    assert "FROM (UTC)" in done.output
    assert "FAILED" not in done.output


def test_a_misspelt_field_is_told_with_those_there_are():
    done = run("send_mail", EXAMPLE, "--where", "tennant=acme")

    assert isinstance(done.exception, SourceError)
    assert str(done.exception).startswith("No run has a value of 'tennant'. ")
    assert "The runs have: task" in str(done.exception)
