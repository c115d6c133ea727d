"""`slowtask diff`, on logs of two releases."""

import json
import random
import re
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from logs import BEGIN, line, made, written
from slowtask import cli

CHANCE = random.Random(15)


def runs(task, seconds, count=150, start=0, **others):
    """Runs of a task that take about so many seconds."""
    times = [seconds * CHANCE.lognormvariate(0, 0.3) for _ in range(count)]
    return [made(task, took, start + place, **others) for place, took in enumerate(times)]


@pytest.fixture
def log(tmp_path):
    """Two releases; compute is slower in the second."""
    first = runs("jobs.compute", 1.0, version="1.4") + runs("jobs.mail", 3.0, version="1.4")
    second = runs("jobs.compute", 1.5, start=150, version="1.5")
    second += runs("jobs.mail", 3.0, start=150, version="1.5")
    return written(tmp_path / "runs.ndjson", first + second)


def slowtask(*arguments, status=0):
    done = CliRunner().invoke(cli.slowtask, ["diff", *map(str, arguments)], standalone_mode=False)
    if done.exception:
        raise done.exception
    assert (done.return_value or 0) == status, done.output
    return done.output


def found(*arguments, **options):
    return {task["task"]: task for task in json.loads(slowtask(*arguments, "--json", **options))}


def test_a_release_that_made_a_task_slower_is_named(log):
    tasks = found(log, "--by", "version", "1.4", "1.5")

    assert {name: task["slower"] for name, task in tasks.items()} == {
        "jobs.compute": True,
        "jobs.mail": False,
    }
    assert tasks["jobs.compute"]["ratio"] == pytest.approx(1.5, rel=0.15)


def test_the_two_newest_versions_are_compared_where_none_is_named(log):
    older = runs("jobs.compute", 9.0, version="1.3", start=-200)
    with log.open("ab") as file:
        file.writelines(line(run) + b"\n" for run in older)

    assert found(log, "--by", "version") == found(log, "--by", "version", "1.4", "1.5")


@pytest.mark.parametrize(
    ("hosts", "said"),
    [
        (["x"], "All runs have host x: there is nothing to compare it with"),
        (["x", "y", "z"], "Name two values behind --by host: these runs have x, y, z"),
        ([None], "No run has a value of 'host'"),
    ],
)
def test_a_field_without_values_needs_two_of_them(tmp_path, hosts, said):
    log = written(tmp_path / "runs.ndjson", [made("a", 1, n, host=host) for n, host in enumerate(hosts)])

    with pytest.raises(Exception, match=said):
        slowtask(log, "--by", "host")


def test_a_person_reads_which_and_by_how_much(log):
    said = slowtask(log, "--by", "version", "1.4", "1.5")

    assert "before version 1.4: 300 runs of 2 tasks" in said
    assert "jobs.compute got slower: a run takes 1." in said


def test_a_moment_divides_a_log(log):
    tasks = found(log, "--at", (BEGIN + timedelta(seconds=150)).isoformat())

    assert tasks["jobs.compute"]["slower"]


def test_two_periods_are_compared(log):
    edges = [(BEGIN + timedelta(seconds=each)).isoformat() for each in (0, 150, 300)]
    tasks = found(log, "--before", f"{edges[0]}..{edges[1]}", "--after", f"{edges[1]}..{edges[2]}")

    assert tasks["jobs.compute"]["before"]["runs"] == 150


def test_a_period_without_an_end_lasts_as_long_as_there_are_runs(log):
    """The log ended long ago; until now, its workers would have been idle."""
    middle = (BEGIN + timedelta(seconds=150)).isoformat()
    said = slowtask(log, "--before", f"{BEGIN.isoformat()}..{middle}", "--after", f"{middle}..")
    whole = next(line for line in said.splitlines() if line.startswith("workers busy"))

    assert re.match(r"workers busy on average: 4\.\d → [45]\.\d ", whole)


def test_two_logs_are_compared(tmp_path):
    logs = [written(tmp_path / f"{name}.ndjson", runs("a", took)) for name, took in (("x", 1), ("y", 2))]

    assert found(*logs)["a"]["slower"]


def test_a_regression_fails_a_build(log):
    slowtask(log, "--by", "version", "1.4", "1.5", "--fail-over", "1.2", status=1)
    slowtask(log, "--by", "version", "1.4", "1.5", "--fail-over", "3", status=0)
    slowtask(log, "--by", "version", "1.5", "1.4", "--fail-over", "1.2", status=0)


def test_groups_are_compared_under_the_name_of_their_field(tmp_path):
    logs = [
        written(tmp_path / f"{name}.ndjson", runs("a", took, queue="mail") + runs("b", took))
        for name, took in (("x", 1), ("y", 2))
    ]
    tasks = json.loads(slowtask(*logs, "--group-by", "queue", "--json"))

    assert {task["queue.name"]: task["slower"] for task in tasks} == {"mail": True, None: True}


def test_a_value_that_no_run_has_is_told_with_those_that_they_have(log):
    with pytest.raises(Exception, match=r"No run has version 9: these runs have 1\.4, 1\.5 as version\."):
        slowtask(log, "--by", "version", "9", "1.5")


def test_today_is_compared_with_yesterday(tmp_path):
    now = datetime.now(UTC)
    old, new = (
        [replace(run, timestamp=now - timedelta(hours=hours)) for run in runs("a", took)]
        for hours, took in ((36, 1), (12, 2))
    )

    assert found(written(tmp_path / "runs.ndjson", old + new), "--since", "1d", "--against", "1d")["a"][
        "slower"
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--at", "1h", "--against", "7d"], "choose one"),
        (["--before", "2d..1d"], "belong together"),
        (["--before", "3d..1d", "--after", "2d..1h"], "overlap"),
        (["--before", "yesterday", "--after", "2d..1h"], "isn't a period"),
        (["--since", "2d", "--against", "1d"], "at least as long ago"),
        (["--by", "version", "1", "1"], "two different values"),
    ],
)
def test_what_makes_no_sense_is_told(log, arguments, said):
    with pytest.raises(Exception, match=said):
        slowtask(log, *arguments)


def test_a_field_that_no_run_has_is_told_with_those_that_they_have(log):
    with pytest.raises(Exception, match=r"No run has a value of 'versoin'\. Did you mean version\?"):
        slowtask(log, "--by", "versoin", "1.4", "1.5")


def test_a_moment_before_all_runs_is_told(log):
    with pytest.raises(Exception, match=r"No run ended before 2020.*There are runs of \d+ \w+"):
        slowtask(log, "--at", "2020-01-01")


def test_three_logs_are_no_pair(log):
    with pytest.raises(Exception, match="Name two logs"):
        slowtask(log, log, log)


def test_the_table_fits_a_narrow_terminal(log, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    said = slowtask(log, "--by", "version", "1.4", "1.5")

    assert max(map(len, said.splitlines())) <= 60
    assert "slower" in said


@pytest.mark.parametrize("width", range(70, 130, 5))
def test_no_figure_is_cut_in_the_row_of_the_others(tmp_path, monkeypatch, width):
    """Its runs and its cost may be wider than those of each task above it."""
    monkeypatch.setenv("COLUMNS", str(width))
    before = [each for name in "abcd" for each in runs(f"jobs.a_long_name_{name}", 900, 300)]
    after = [each for name in "abcd" for each in runs(f"jobs.a_long_name_{name}", 800, 300, start=300)]
    logs = [written(tmp_path / "x.ndjson", before), written(tmp_path / "y.ndjson", after)]

    table = slowtask(*logs, "-n", "1").partition("\n\n")[2].partition("\n\n")[0]

    assert "3 more tasks" in table
    assert "…" not in table.replace(" …", " ")  # only the start of a name may be cut


def test_whole_seconds_beside_exact_times_are_told_as_too_rough(tmp_path):
    """A stock log, and the log of the same workers with slowtask: a median of 0 s has no ratio."""
    stock = [made("a", 0.0, place, margin=10**9) for place in range(50)]
    logs = [written(tmp_path / "x.ndjson", stock), written(tmp_path / "y.ndjson", runs("a", 0.4, 50))]

    said = slowtask(*logs)

    assert "too rough" in said
    assert "\N{MULTIPLICATION SIGN}" not in said
    assert "The times of 1 task are too rough to tell." in said


def test_names_from_a_log_cannot_move_the_cursor(tmp_path):
    logs = [written(tmp_path / f"{name}.ndjson", runs("\x1b[2Ja", 1, 5)) for name in "xy"]

    assert "\x1b" not in slowtask(*logs)


def test_run_times_in_whole_seconds_are_marked(tmp_path):
    """Of the log before, each line has only seconds; the log after is slowtask's own."""
    rough = [made("a", 20 + place % 7, place * 60, margin=10**9, outcome="success") for place in range(40)]
    exact = [made("a", 20 + place % 7, place * 60) for place in range(40)]
    before, after = written(tmp_path / "x.ndjson", rough), written(tmp_path / "y.ndjson", exact)
    said = slowtask(before, after)

    assert re.search(r"~22\.\d s \N{RIGHTWARDS ARROW} 22\.\d s", said)
    assert "~: from the times of log lines, \N{PLUS-MINUS SIGN} 1.0 s." in said
    assert [part["margin"] for part in (found(before, after)["a"][side] for side in ("before", "after"))] == [
        1,
        0,
    ]
