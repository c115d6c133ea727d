"""`slowtask rollup URL`: hours of runs become cells in a data stream, on a real Elasticsearch."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from click.testing import CliRunner

from logs import BEGIN, made
from rollups import LATER, Site, spread
from slowtask.cli import slowtask
from slowtask.errors import ElasticsearchError, UsageError
from slowtask.store.elastic.rolled import fetching, making, streams, writing
from slowtask.store.elastic.rolled.sketch import list_bins


@pytest.fixture
def site(elasticsearch, access, namespace):
    """Runs of the test's own, and what rolls them up."""
    return Site(elasticsearch, replace(access, path=f"logs-slowtask.run-{namespace}"), namespace)


def test_cells_have_the_figures_of_their_hour(site):
    runs = [
        made(number=0, took=1, wait=5, queue="mail", version="2.0", cpu=7, memory=9),
        made(number=60, took=3, wait=7, queue="mail", version="2.0", cpu=8, memory=8),
        made(
            number=61,
            took=None,
            queue="mail",
            version="2.0",
            outcome="failure",
            action="failed",
            error="OSError",
        ),
        made(number=3600, took=3, queue="mail"),
    ]
    site.store(runs).roll_up()

    cells = site.found()
    first, second = (cells[key] for key in sorted(cells, key=lambda key: key.start))

    assert [(key.task, key.queue, key.version) for key in sorted(cells, key=lambda key: key.start)] == [
        ("jobs.thumb", "mail", "2.0"),
        ("jobs.thumb", "mail", None),
    ]
    assert (first.runs, first.failures, first.timed, first.total, first.max) == (3, 1, 2, 4e9, 3e9)
    assert (first.cpu, first.memory, dict(first.errors)) == (15, 9, {"OSError": 1})
    assert sorted(list_bins(first.waits).values()) == [1, 1]
    assert second.runs == 1


def test_a_second_time_writes_nothing(site):
    site.store(spread(50, every=600))

    assert site.roll_up()
    before = site.client.search(index=site.cells, size=1000, seq_no_primary_term=True)["hits"]["hits"]
    assert site.roll_up() == []
    assert site.client.search(index=site.cells, size=1000, seq_no_primary_term=True)["hits"]["hits"] == before


def test_late_runs_are_rolled_up_again_where_the_hour_is_stored(site):
    site.store(spread(50, every=600)).roll_up()
    site.client.indices.rollover(alias=site.cells)

    site.store([made(number=30, task="jobs.t0", took=99.0), made(number=31, task="jobs.new")])

    assert site.roll_up() == [("hour", 8, 2), ("day", 52, 2), ("month", 52, 2)]
    assert sum(cell.runs for cell in site.found().values()) == 52
    assert sum(cell.runs for cell in site.found("day").values()) == 52


def test_days_and_months_are_made_of_hours_once_they_are_over(site):
    site.store(spread(48, every=3600)).roll_up(now=BEGIN + timedelta(days=2, hours=1))

    assert {key.start for key in site.found("day")} == {day_of(BEGIN), day_of(BEGIN + timedelta(days=1))}
    assert not site.found("month")
    site.roll_up()
    assert sum(cell.runs for cell in site.found("month").values()) == 48


def day_of(time):
    return int(time.replace(hour=0, minute=0, second=0).timestamp() * 1000)


def test_an_hour_is_left_alone_until_its_last_lines_arrived(site):
    site.store(spread(3, every=600))
    end = BEGIN.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)

    assert site.roll_up(now=end + timedelta(minutes=9)) == []
    assert site.roll_up(now=end + timedelta(minutes=10)) == [("hour", 3, 3)]


def test_an_hour_whose_runs_expired_stays_as_it_was(site):
    site.store(spread(50, every=600)).roll_up()
    before = site.found()
    site.forget()
    site.store([made(number=30, task="jobs.t0")])

    assert site.roll_up() == []
    assert site.found() == before


def test_what_was_interrupted_is_finished_by_the_next_call(site, monkeypatch):
    monkeypatch.setattr(writing, "CHUNK", 7)
    send, sent = writing.send, []

    def killed(search, chunk):
        if len(sent) == 3:
            raise KeyboardInterrupt
        sent.append(chunk)
        return send(search, chunk)

    site.store(spread(50, every=600))
    monkeypatch.setattr(writing, "send", killed)
    with pytest.raises(KeyboardInterrupt):
        site.roll_up()
    monkeypatch.setattr(writing, "send", send)
    site.roll_up()

    assert sum(cell.runs for cell in site.found().values()) == 50
    assert sum(cell.runs for cell in site.found("day").values()) == 50
    assert site.roll_up() == []


def test_two_at_once_count_nothing_twice(site):
    site.store(spread(50, every=600))
    both = [streams.roll_up_streams(site.access, LATER) for _ in range(2)]

    for steps in zip(*both, strict=False):
        assert steps
    for each in both:
        list(each)
    site.roll_up()

    assert sum(cell.runs for cell in site.found().values()) == 50


def test_more_tasks_than_a_page_are_all_rolled_up(site, monkeypatch):
    monkeypatch.setattr(fetching, "PAGE", 7)
    monkeypatch.setattr(making, "MAX_RUNS", 20)
    runs = [made(number=n, task=f"jobs.t{n}") for n in range(40)]
    site.store([*runs, *(made(number=3600 + n, task=f"jobs.t{n}") for n in range(30))])

    site.roll_up()

    assert (len(site.found()), len(site.found("day")), len(site.found("month"))) == (70, 40, 40)
    assert site.roll_up() == []


def test_a_user_who_may_not_write_is_told(site):
    reader = site.user("slowtask_reader")
    site.store(spread(3, every=600))

    with pytest.raises(
        ElasticsearchError, match=r"doesn't allow that to this user: .*metrics-slowtask\.hour"
    ):
        site.roll_up(access=reader)


def test_the_user_of_rollup_may_do_all_that_it_takes(site):
    own = site.user("slowtask_rollup")
    site.store(spread(50, every=600))

    assert site.roll_up(access=own)
    site.store([made(number=30, task="jobs.t0")])
    assert site.roll_up(access=own) == [("hour", 7, 1), ("day", 51, 1), ("month", 51, 1)]


def test_an_elasticsearch_without_runs_or_without_setup_is_told(site, monkeypatch):
    with pytest.raises(ElasticsearchError, match=r"has no logs-slowtask\.run-.*: call slowtask setup"):
        site.roll_up()
    site.store([made()])
    monkeypatch.setattr(streams, "TEMPLATE", "metrics-slowtask.nothere")
    with pytest.raises(ElasticsearchError, match=r"has no template .*: call slowtask setup"):
        site.roll_up()


def test_an_elasticsearch_that_is_set_up_has_nothing_to_roll_up_before_its_first_run(site, monkeypatch):
    monkeypatch.setattr(streams, "ALL_RUNS", site.runs)

    assert list(streams.roll_up_streams(replace(site.access, path=""), LATER)) == []


def test_other_indices_than_slowtask_s_are_refused(access):
    with pytest.raises(UsageError, match=r"name data streams of runs, such as logs-slowtask\.run-default"):
        list(streams.roll_up_streams(replace(access, path="my-index"), LATER))


def run(site, *arguments):
    """The command as a user calls it."""
    address = site.access.url.replace("//", f"//{site.access.username}:{site.access.password}@")
    environment = {"SLOWTASK_ELASTICSEARCH_CA_FILE": site.access.ca_file}
    return CliRunner().invoke(slowtask, ["rollup", f"{address}/{site.runs}", *arguments], env=environment)


def test_the_command_says_what_it_wrote(site):
    site.store(spread(3, every=600))

    first, second, third = run(site), run(site), run(site, "--json")

    assert first.output.splitlines()[0] == (
        f"{site.cells}: hours from 2026-11-06 09:00 to 2026-11-06 10:00 UTC: 3 runs, 3 documents written"
    )
    assert second.output == "Nothing new to roll up.\n"
    assert json.loads(third.output) == []


@pytest.mark.parametrize(
    "option", [("--out", "x"), ("--remove",), ("--date", "2026-11-06"), ("--timezone", "UTC")]
)
def test_options_for_log_files_are_refused(site, option):
    result = run(site, *option)

    assert f"{option[0]} is for log files" in str(result.exception)
