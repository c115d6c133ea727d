"""Who waited behind whom."""

import json
import os
from array import array

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from logs import BEGIN, made, written
from slowtask import cli
from slowtask.rank.behind import rank_waits
from slowtask.store.columns import Columns

SECOND = 10**9


def columns(*runs):
    """Runs as `(task, arrival, wait, took)` in whole seconds, all in one queue."""
    ordered = sorted(runs, key=lambda run: run[1])
    tasks = sorted({run[0] for run in runs})
    return Columns(
        arrival=array("q", [run[1] * SECOND for run in ordered]),
        wait=array("q", [run[2] * SECOND for run in ordered]),
        took=array("q", [run[3] * SECOND for run in ordered]),
        task=array("l", [tasks.index(run[0]) for run in ordered]),
        queue=array("l", [0] * len(runs)),
        worker=array("l", [0] * len(runs)),
        tasks=tuple(tasks),
        queues=("default",),
        workers=("w",),
    )


def test_a_job_that_waits_while_another_runs_waited_behind_it():
    first, _ = rank_waits(columns(("mail", 0, 0, 100), ("thumb", 0, 100, 1)))

    assert (first.task, first.runs, first.waited) == ("thumb", 1, 100.0)
    assert first.held[0] == ("mail", pytest.approx(1.0, abs=0.01))


def test_two_that_held_the_workers_share_the_blame_by_time():
    runs = columns(("mail", 0, 0, 75), ("compute", 0, 75, 25), ("thumb", 0, 100, 1))

    found = next(each for each in rank_waits(runs) if each.task == "thumb")

    assert dict(found.held) == {
        "mail": pytest.approx(0.75, abs=0.01),
        "compute": pytest.approx(0.25, abs=0.01),
        "thumb": pytest.approx(0.0, abs=0.01),
    } or dict(found.held) == {
        "mail": pytest.approx(0.75, abs=0.01),
        "compute": pytest.approx(0.25, abs=0.01),
    }


def test_a_wait_while_nothing_of_the_queue_ran_is_nobody_s():
    [found] = rank_waits(columns(("thumb", 0, 100, 1)))

    assert found.idle == pytest.approx(1.0, abs=0.01)
    assert sum(share for _, share in found.held) == pytest.approx(0.0, abs=0.01)


def test_without_runs_nobody_waited():
    assert rank_waits(Columns()) == []


runs = st.tuples(st.sampled_from("abc"), st.integers(0, 500), st.integers(0, 300), st.integers(0, 300))


@given(st.lists(runs, min_size=1, max_size=40))
def test_every_second_of_a_wait_is_somebody_s_or_nobody_s(given_runs):
    for each in rank_waits(columns(*given_runs)):
        waited = sum(run[2] for run in given_runs if run[0] == each.task)

        assert each.waited == pytest.approx(waited)
        if waited:
            assert sum(share for _, share in each.held) + each.idle == pytest.approx(1.0)


@pytest.fixture
def log(tmp_path):
    long = made(task="jobs.send_mail", took=60.0, number=60, start=BEGIN, wait=0, queue="default")
    late = made(task="jobs.thumb", took=1.0, number=61, wait=60 * SECOND, queue="default")
    return written(tmp_path / "runs.ndjson", [long, late])


def test_the_command_names_the_task_to_blame(log):
    done = CliRunner().invoke(cli.slowtask, ["behind", str(log)])

    assert done.exit_code == 0
    assert "jobs.thumb" in done.output
    assert "send_mail 99" in done.output or "send_mail 100 %" in done.output


def test_a_name_that_looks_like_markup_is_shown_as_it_is(tmp_path):
    """rich reads `[/]` as the end of a style that nothing began."""
    long = made(task="[/]", took=60.0, number=60, start=BEGIN, wait=0, queue="[bold]")
    late = made(task="[red]late", took=1.0, number=61, wait=60 * SECOND, queue="[bold]")
    log = written(tmp_path / "runs.ndjson", [long, late])

    done = CliRunner().invoke(cli.slowtask, ["behind", str(log)], catch_exceptions=False)

    assert "[red]late  [bold]" in done.output
    assert "[/] 9" in done.output or "[/] 100 %" in done.output


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_table_fits_the_terminal_and_cuts_no_figure(log, width):
    done = CliRunner().invoke(cli.slowtask, ["behind", str(log)], env={"COLUMNS": str(width)})
    title, *rows = done.output.splitlines()

    assert all(len(row) <= width for row in (title, *rows))
    assert "WHILE THE WORKERS WERE HELD BY" in title
    assert any("1m 0s" in row and "send_mail" in row for row in rows)


def test_json_is_an_array_of_objects(log):
    done = CliRunner().invoke(cli.slowtask, ["behind", str(log), "--json"])

    [found] = json.loads(done.output)
    assert (found["task"], found["waited"]) == ("jobs.thumb", 60.0)
    assert found["held"]["jobs.send_mail"] > 0.98


def test_logs_that_tell_no_wait_are_told(tmp_path):
    log = written(tmp_path / "runs.ndjson", [made()])

    done = CliRunner().invoke(cli.slowtask, ["behind", str(log)])

    assert "stock logs don't have it" in str(done.exception)


def test_logs_in_which_nothing_waited_are_not_taken_for_stock_logs(tmp_path):
    log = written(tmp_path / "runs.ndjson", [made(wait=0)])

    done = CliRunner().invoke(cli.slowtask, ["behind", str(log)])

    assert "No job in these logs waited" in str(done.exception)


def test_a_field_that_no_run_has_is_told_with_those_that_they_have(log):
    done = CliRunner().invoke(cli.slowtask, ["behind", str(log), "--group-by", "tenant"])

    assert "No run has a value of 'tenant'. The runs have: task, queue" in str(done.exception)


@pytest.mark.parametrize("command", ["behind", "whatif"])
def test_a_date_that_was_guessed_is_told(tmp_path, command):
    """By `--since` it decides which runs are left."""
    log = written(tmp_path / "runs.ndjson", [made("a", 1.0, 9, wait=5 * SECOND, queue="q", worker="w")])
    stock = tmp_path / "worker.log"
    job = "2aab4a44-c695-4817-9851-78ade4339869"
    stock.write_text(f"18:47:58 default: jobs.compute() ({job})\n18:48:00 default: Job OK ({job})\n")
    os.utime(stock, (1795459690, 1795459690))
    told = "worker.log without a full date begin on 2026-11-23, by the file's last change: --date sets it.\n"
    arguments = [command, str(log), str(stock)]

    assert CliRunner().invoke(cli.slowtask, arguments).stderr.endswith(told)
    assert CliRunner().invoke(cli.slowtask, [*arguments, "--date", "2026-11-23"]).stderr == ""


def test_tenants_wait_behind_tenants(tmp_path):
    """One worker; globex's job is there from the start, and waits until acme's long one has ended."""
    runs = [
        made("jobs.a", 100, 100, wait=0, queue="q", worker="w", labels={"tenant": "acme"}),
        made("jobs.a", 1, 101, wait=100 * SECOND, queue="q", worker="w", labels={"tenant": "globex"}),
        made("jobs.b", 1, 102, wait=101 * SECOND, queue="q", worker="w"),
    ]
    log = str(written(tmp_path / "runs.ndjson", runs))
    asked = ["behind", log, "--group-by", "tenant"]
    found = json.loads(CliRunner().invoke(cli.slowtask, [*asked, "--json"]).output)
    said = CliRunner().invoke(cli.slowtask, asked).output

    assert [each["labels.tenant"] for each in found] == [None, "globex"]
    assert found[1]["held"]["acme"] == pytest.approx(1.0, abs=0.01)
    assert "no tenant" in said
    assert "acme 100 %" in said or "acme 99" in said


def test_a_misspelt_field_of_where_is_told_with_those_there_are(tmp_path):
    log = written(tmp_path / "runs.ndjson", [made(wait=10**9, queue="mail", labels={"tenant": "acme"})])

    done = CliRunner().invoke(cli.slowtask, ["behind", str(log), "--where", "tennant=acme"])

    assert "No run has a value of 'tennant'. Did you mean tenant? The runs have: task, queue" in str(
        done.exception
    )


def test_a_choice_that_no_run_matches_is_told(tmp_path):
    log = written(tmp_path / "runs.ndjson", [made(wait=10**9, queue="mail")])

    done = CliRunner().invoke(cli.slowtask, ["behind", str(log), "--queue", "none"])

    assert str(done.exception) == "No run matches --since, --until, --queue and --where: widen them."
