"""Runs and rolled-up hours of an Elasticsearch, read as one."""

import json
import uuid
from dataclasses import asdict, replace
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
SEAM = datetime(2026, 11, 8, 9, tzinfo=UTC)  # where the runs of `half` begin
FULL = BEGIN.replace(minute=0, second=0, microsecond=0)


@pytest.fixture
def site(elasticsearch, access, namespace):
    """Runs of the test's own, and what rolls them up."""
    return Site(elasticsearch, replace(access, path=f"logs-slowtask.run-{namespace}"), namespace)


BROKEN = {"outcome": "failure", "action": "failed", "error": "OSError"}
OLD = [
    *spread(200, every=864, queue="mail", version="1.0", wait=10**9),
    *(made(number=5000 + n, task="jobs.t1", took=1, **BROKEN) for n in range(5)),
]
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


def slots_of(history):
    """The slots of tasks and of queues, in order, and the percentiles of those that have no seam in them."""
    seam = SEAM.timestamp() * 1e6 // history.width * history.width
    tasks = sorted(history.tasks, key=lambda each: (each.at, each.task or ""))
    exact = [(each.at, each.task, each.count) for each in tasks]
    queues = [(each.at, each.queue, each.count, each.depth) for each in history.queues]
    rough = [value for each in tasks if each.at != seam for value in (each.total, each.p95)]
    waits = [each.wait for each in history.queues if each.at != seam]
    return exact, queues, [*rough, *waits, history.wait]


def test_a_report_counts_rolled_up_and_single_runs_over_time(half, raw):
    found, wanted = (site.elastic.history(Query(), lambda _: ["jobs.t1"], profiled=1) for site in (half, raw))
    (tasks, queues, rough), (wanted_tasks, wanted_queues, wanted_rough) = map(slots_of, (found, wanted))

    assert (found.width, found.first, found.last) == (wanted.width, wanted.first, wanted.last)
    assert (tasks, queues, found.failures) == (wanted_tasks, wanted_queues, wanted.failures)
    assert rough == pytest.approx(wanted_rough, rel=0.02)
    assert [each.task for each in found.profiles] == ["jobs.t1"]
    assert_same_page(found.profiles[0], wanted.profiles[0])


def test_a_report_is_made_of_cells_alone(site, raw):
    site.store([*OLD, *NEW]).roll_up()
    site.forget()

    found, wanted = (each.elastic.history(Query(), lambda _: ["jobs.t1"]) for each in (site, raw))

    assert sum(each.count for each in found.tasks) == sum(each.count for each in wanted.tasks) == 305
    assert found.failures == wanted.failures


def profile(site, query=None, slots=12):
    return site.elastic.profile("t1", query or Query(), lambda names, _: names[0], slots)


def is_close(found, wanted):
    """Whether *found* has what *wanted* has, but for what it doesn't know; percentiles within 1 %."""
    found, wanted = asdict(found), asdict(wanted)
    known = {name: value for name, value in found.items() if value is not None}
    return known == {
        name: wanted[name] if isinstance(value, str) else pytest.approx(wanted[name], rel=0.01)
        for name, value in known.items()
    }


def assert_same_page(found, wanted):
    """What cells and runs tell together is what the runs tell."""
    assert is_close(found.summary, wanted.summary)
    assert (found.bins, found.width, found.unit) == (wanted.bins, wanted.width, wanted.unit)
    assert found.share == pytest.approx(wanted.share)
    assert len(found.slots) == len(wanted.slots)
    assert all(map(is_close, found.slots, wanted.slots))
    for name in found.fields:
        assert all(map(is_close, found.fields[name].groups, wanted.fields[name].groups))
    assert [(each.error, each.count) for each in found.messages] == [
        (each.error, each.count) for each in wanted.messages
    ]


@pytest.mark.parametrize(
    "query",
    [Query(), Query(since=FULL + 5 * HOUR, until=FULL + 60 * HOUR)],
    ids=str,
)
def test_the_page_of_a_task_is_made_of_cells_and_runs_as_one(half, raw, query):
    found = profile(half, query)

    assert_same_page(found, profile(raw, query))
    assert found.measurement.history.until == SEAM
    assert found.summary.retries is None
    assert not found.worst


def test_the_page_of_a_task_is_made_of_cells_alone(site, raw):
    site.store([*OLD, *NEW]).roll_up()
    site.forget()

    assert_same_page(profile(site), profile(raw))


def test_the_page_of_a_task_over_months_is_by_month_before_and_after_the_runs_expire(site):
    site.store(spread(60, every=5 * 86_400))
    wanted = profile(site)
    site.roll_up(now=datetime(2028, 1, 1, tzinfo=UTC))
    site.forget()
    found = profile(site)

    assert (wanted.unit, len(wanted.slots)) == ("month", 10)
    assert_same_page(found, wanted)


def test_the_page_of_a_task_of_a_later_time_is_made_of_single_runs(half):
    found = profile(half, Query(since=SEAM))

    assert found.measurement.history is None
    assert found.worst


def run(site, *arguments):
    """The command as a user calls it."""
    address = site.access.url.replace("//", f"//{site.access.username}:{site.access.password}@")
    environment = {"SLOWTASK_ELASTICSEARCH_CA_FILE": site.access.ca_file}
    result = CliRunner().invoke(slowtask, [*arguments, f"{address}/{site.runs}"], env=environment)
    assert not result.exception, result.exception
    return result


def test_top_says_what_comes_from_whole_hours(half):
    printed = run(half, "top", "--since", "2026-11-06T14:30")

    assert (
        "Figures before 2026-11-08 09:00 UTC come from whole hours of the history, so the period begins at "
        "2026-11-06 14:00." in " ".join(printed.stdout.split())
    )


def test_task_says_what_is_not_known(half):
    printed = run(half, "task", "t1")

    assert "The history has no single runs" in printed.stdout
    assert "choose --since 2026-11-08T09:00" in " ".join(printed.stdout.split())


@pytest.mark.parametrize("command", [("behind",), ("whatif", "--workers", "2")], ids=str)
def test_commands_that_need_single_runs_say_which_they_do_not_read(half, command):
    printed = run(half, *command)

    assert "runs before 2026-11-08 09:00 UTC not read: the history holds no single runs" in printed.stderr


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
