"""The page of a task of which the logs are gone: what cells know is that of the runs, the rest is unknown."""

import shutil
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

import pytest
from test_rollup import logs_of, pack_it, roll, some_runs

from logs import BEGIN, made, written
from slowtask.errors import UsageError
from slowtask.parse.sources import resolve
from slowtask.rank.change import find_task
from slowtask.rank.ranking import rank
from slowtask.store import Query
from slowtask.store.files import Files

#: How far percentiles may be from the exact ones, where enough runs are near them.
CLOSE = 0.01
DAY = 86_400
QUERIES = {
    "all": Query(),
    "whole hours": Query(since=BEGIN + timedelta(days=3, hours=5), until=BEGIN + timedelta(days=55, hours=7)),
    "queue": Query(queues=("mail",)),
    "version": Query(where=(("service.version", "1.4"),)),
}


def store(*paths):
    return Files(resolve([str(each) for each in paths]))


def profile(*paths, task="a", query=None, slots=12):
    def choose(names, _):
        return names[find_task(names, task)]

    return store(*paths).profile(task, query or Query(), choose, slots)


def known(record, rolled):
    """What *record* has, but for what isn't known of the rolled-up one."""
    return {name: value for name, value in asdict(record).items() if asdict(rolled)[name] is not None}


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    return logs_of(tmp_path_factory.mktemp("logs"), some_runs(3_000), 6)


@pytest.fixture(scope="module")
def history(tmp_path_factory, logs):
    folder = tmp_path_factory.mktemp("history")
    roll(folder, *logs)
    return folder


@pytest.fixture(params=["no logs", "two logs", "a packed log"])
def sources(request, history, logs, tmp_path):
    """The history, alone or with the logs of its last part."""
    if request.param == "a packed log":
        return [history, pack_it(Path(shutil.copy2(logs[5], tmp_path)))]
    return [history] if request.param == "no logs" else [history, *logs[4:]]


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_what_is_known_is_as_of_the_runs(sources, logs, query):
    exact, found = profile(*logs, query=query), profile(*sources, query=query)

    assert asdict(found.summary) == {
        **asdict(found.summary),
        **{
            name: value if isinstance(value, str) else pytest.approx(value, rel=CLOSE)
            for name, value in known(exact.summary, found.summary).items()
        },
    }
    assert found.share == pytest.approx(exact.share)
    assert found.bins == exact.bins


def test_each_slot_has_the_same_runs(sources, logs):
    exact, found = profile(*logs), profile(*sources)

    assert (found.width, found.unit) == (exact.width, exact.unit)
    assert [asdict(each) for each in found.slots] == [
        pytest.approx(asdict(each), rel=CLOSE) for each in exact.slots
    ]


def test_queues_and_versions_are_as_of_the_runs(sources, logs):
    exact, found = profile(*logs), profile(*sources)

    assert [*found.fields] == ["queue", "version"]
    for name, groups in found.fields.items():
        assert groups.values == exact.fields[name].values == 3
        assert [each.value for each in groups.groups] == [each.value for each in exact.fields[name].groups]
        for one, other in zip(groups.groups, exact.fields[name].groups, strict=True):
            assert known(one, one) == {
                key: value if isinstance(value, str) else pytest.approx(value, rel=CLOSE)
                for key, value in known(other, one).items()
            }


def test_failures_are_counted_by_exception_without_messages(sources, logs):
    exact, found = profile(*logs), profile(*sources)

    assert [(each.error, each.count) for each in found.messages] == [("KeyError", exact.messages[0].count)]
    assert found.messages[0].message is found.messages[0].last is None
    assert [(each.outcome, each.count) for each in found.endings] == [
        (None, exact.summary.count - exact.summary.failures),
        ("failure", exact.summary.failures),
    ]


def test_what_only_single_runs_tell_is_unknown_and_not_0(sources):
    found = profile(*sources)

    assert [*found.worst, *found.kills, *found.behind] == []
    unknown = ("retries", "cpu_runs", "memory_runs", "memory_p50", "systems", "services", "environments")
    assert [getattr(found.summary, name) for name in unknown] == [None] * len(unknown)


def test_a_later_period_is_read_run_by_run(history, logs):
    found = profile(history, *logs[4:], query=Query(since=BEGIN + timedelta(days=60)))

    assert found.measurement.history is None
    assert found.worst


def test_a_field_that_the_history_does_not_know_is_an_error(history):
    with pytest.raises(UsageError, match="knows only task, queue and version, not host"):
        profile(history, query=Query(where=(("host.name", "web-1"),)))


def test_a_task_is_found_by_the_end_of_its_name(tmp_path):
    log = written(tmp_path / "runs.ndjson.1", [made(name, 1) for name in ("shop.mail", "shop.pay", "mailer")])
    roll(tmp_path / "history", log)

    assert profile(tmp_path / "history", task="mail").task == "shop.mail"
    with pytest.raises(UsageError, match="no task 'mall'"):
        profile(tmp_path / "history", task="mall")


@pytest.fixture(scope="module")
def year(tmp_path_factory):
    """A log of a year, and its history."""
    folder = tmp_path_factory.mktemp("year")
    runs = [
        made("a", 1 + number % 7, number * DAY / 4, id=f"{number:032x}", version=f"1.{number // 400}")
        for number in range(365 * 4)
    ]
    log = written(folder / "runs.ndjson.1", runs)
    roll(folder / "history", log)
    return log, folder / "history"


def test_a_year_is_shown_by_months_whether_rolled_up_or_not(year):
    exact, found = map(profile, year)

    assert (found.unit, len(found.slots)) == ("month", 13)
    assert [asdict(each) for each in found.slots] == [
        pytest.approx(asdict(each), rel=CLOSE) for each in exact.slots
    ]


def test_killed_runs_are_told_apart(tmp_path):
    endings = [{}, {"outcome": "failure", "action": "failed"}, {"outcome": "failure", "action": "killed"}]
    runs = [made("a", 1, id=f"{place}", **each) for place, each in enumerate([*endings, {}])]
    roll(tmp_path / "history", written(tmp_path / "runs.ndjson.1", runs))
    found = profile(tmp_path / "history")

    assert [(each.outcome, each.action, each.count) for each in found.endings] == [
        (None, None, 2), ("failure", None, 1), ("failure", "killed", 1)
    ]  # fmt: skip


def test_a_report_of_a_history_has_the_pages_of_its_first_tasks(sources, logs):
    def choose(measurement):
        return [each.task for each in rank(measurement.figures)]

    exact, found = (store(*each).history(Query(), choose, profiled=2).profiles for each in (logs, sources))

    assert [each.task for each in found] == [each.task for each in exact]
    assert [each.share for each in found] == pytest.approx([each.share for each in exact])
    assert [each.bins for each in found] == [each.bins for each in exact]
