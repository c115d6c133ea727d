"""Runs and rolled-up hours of an Elasticsearch, read as one."""

import json
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from logs import BEGIN, made
from rollups import Site, spread
from slowtask.cli import slowtask
from slowtask.errors import UsageError
from slowtask.store import Query
from slowtask.store.elastic.rolled import measuring

HOUR = timedelta(hours=1)
FULL = BEGIN.replace(minute=0, second=0, microsecond=0)


@pytest.fixture
def site(elasticsearch, access, namespace):
    """Runs of the test's own, and what rolls them up."""
    return Site(elasticsearch, replace(access, path=f"logs-slowtask.run-{namespace}"), namespace)


OLD = spread(200, every=864, queue="mail", version="1.0", wait=10**9)
NEW = [
    made(number=864 * n, task=f"jobs.t{n % 4}", took=(1 + n * 29 % 90) / 9, wait=n * 10**7, queue="reports")
    for n in range(200, 300)
]


def make_site(elasticsearch, access):
    """A site of a namespace of its own."""
    namespace = uuid.uuid4().hex
    return Site(elasticsearch, replace(access, path=f"logs-slowtask.run-{namespace}"), namespace)


@pytest.fixture(scope="module")
def half(elasticsearch, access):
    """Three days of runs, of which those of the first two days are only in cells."""
    site = make_site(elasticsearch, access).store(OLD)
    site.roll_up()
    site.forget()
    return site.store(NEW)


@pytest.fixture(scope="module")
def raw(elasticsearch, access):
    """The same runs, all of them one by one."""
    return make_site(elasticsearch, access).store([*OLD, *NEW])


def assert_alike(found, wanted):
    """The same figures, percentiles within 1 %."""
    found, wanted = ({each.task: each for each in each.figures} for each in (found, wanted))
    assert found.keys() == wanted.keys()
    for task, figures in wanted.items():
        for name in ("count", "failures", "killed", "timed", "max", "memory", "first", "last"):
            assert getattr(found[task], name) == getattr(figures, name), (task, name)
        for name in ("total", "deviation", "cpu", "cpu_time"):
            assert getattr(found[task], name) == pytest.approx(getattr(figures, name)), (task, name)
        for name in ("p50", "p95", "p99", "wait_p95"):
            assert getattr(found[task], name) == pytest.approx(getattr(figures, name), rel=0.01), (task, name)


def test_rolled_up_and_single_runs_are_measured_as_one(half, raw):
    found = half.elastic.measure(Query())

    assert_alike(found, raw.elastic.measure(Query()))
    assert found.history.until == datetime(2026, 11, 8, 9, tzinfo=UTC)
    assert raw.elastic.measure(Query()).history is None


@pytest.mark.parametrize(
    "query",
    [
        Query(queues=("mail",)),
        Query(group="queue.name"),
        Query(group="service.version"),
        Query(where=(("task.name", "jobs.t1"),)),
        Query(since=FULL + 5 * HOUR, until=FULL + 60 * HOUR),
        Query(since=FULL + 5 * HOUR, until=FULL + 30 * HOUR),
    ],
    ids=str,
)
def test_queries_that_cells_can_answer_are_answered_alike(half, raw, query):
    assert_alike(half.elastic.measure(query), raw.elastic.measure(query))


def test_days_and_months_answer_as_their_hours_do(site, raw):
    site.store([*OLD, *NEW]).roll_up()
    site.forget()

    assert_alike(site.elastic.measure(Query()), raw.elastic.measure(Query()))


def test_both_sides_of_a_comparison_may_be_rolled_up(half, raw):
    sides = (
        Query(since=FULL, until=FULL + 24 * HOUR),
        Query(since=FULL + 24 * HOUR, until=FULL + 60 * HOUR),
    )

    found, wanted = half.elastic.compare(*sides), raw.elastic.compare(*sides)

    assert_alike(found.before, wanted.before)
    assert_alike(found.after, wanted.after)
    times = {each.task: (each.before.times, each.after.times) for each in found.pairs}
    assert times == {each.task: (each.before.times, each.after.times) for each in wanted.pairs}


def test_limits_inside_a_rolled_up_hour_are_moved_and_told(half):
    found = half.elastic.measure(Query(since=FULL + 5.5 * HOUR, until=FULL + 7.25 * HOUR))
    exact = half.elastic.measure(Query(since=FULL + 5 * HOUR, until=FULL + 7 * HOUR))

    assert found.figures == exact.figures
    assert (found.history.since_moved, found.history.until_moved) == (FULL + 5 * HOUR, FULL + 7 * HOUR)
    assert exact.history.since_moved is None


def test_what_cells_do_not_know_is_refused_with_the_way_out(half):
    with pytest.raises(UsageError, match=r"not host: choose later runs by --since 2026-11-08T09:00"):
        half.elastic.measure(Query(group="host.name"))

    later = Query(group="host.name", since=datetime(2026, 11, 8, 9, tzinfo=UTC))
    assert sum(each.count for each in half.elastic.measure(later).figures) == 100


def test_nothing_is_read_from_cells_while_all_runs_are_there(site):
    site.store(spread(50, every=600)).roll_up()

    assert site.elastic.measure(Query(group="queue.system")).history is None


def test_a_user_who_may_not_read_cells_is_answered_from_the_runs(half):
    role = f"{half.cells}-none"
    half.client.security.put_role(
        name=role,
        cluster=["monitor"],
        indices=[{"names": ["logs-slowtask.*"], "privileges": ["read", "view_index_metadata"]}],
    )
    blind = measuring.measure_all(half.search(half.user(role)), Query())[0]

    assert sum(each.count for each in blind.figures) == 100


def run(site, *arguments):
    """The command as a user calls it."""
    address = site.access.url.replace("//", f"//{site.access.username}:{site.access.password}@")
    environment = {"SLOWTASK_ELASTICSEARCH_CA_FILE": site.access.ca_file}
    result = CliRunner().invoke(
        slowtask, [arguments[0], f"{address}/{site.runs}", *arguments[1:]], env=environment
    )
    assert not result.exception, result.exception
    return result


def test_top_says_what_comes_from_whole_hours(half):
    printed = run(half, "top", "--since", "2026-11-06T14:30")

    assert (
        "Figures before 2026-11-08 09:00 UTC come from whole hours of the history, so the period begins at "
        "2026-11-06 14:00." in " ".join(printed.stdout.split())
    )


def test_top_and_diff_print_the_same_of_rolled_up_and_of_single_runs(half, raw):
    top, diff = ("top", "--json", "-n", "0"), ("diff", "--json", "--at", "2026-11-07T09:00", "-n", "0")

    for command in (top, diff):
        found, wanted = (json.loads(run(site, *command).stdout) for site in (half, raw))
        assert found == approximate(wanted), command


def approximate(printed):
    """What a command printed, where each number may differ by 1 %."""
    if isinstance(printed, dict):
        return {name: approximate(each) for name, each in printed.items()}
    if isinstance(printed, list):
        return [approximate(each) for each in printed]
    return pytest.approx(printed, rel=0.01) if isinstance(printed, float) else printed
