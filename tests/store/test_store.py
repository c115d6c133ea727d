"""One suite over the Store protocol: what any store of runs answers. Files come in several formats."""

import gzip
import math
import re
from datetime import timedelta

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logs import BEGIN, line, made, written
from slowtask.parse.sources import Source, resolve
from slowtask.store import BadLines, Query
from slowtask.store.duck import connect, fetch, read_sql
from slowtask.store.fields import SHORT_NAMES
from slowtask.store.files import Files
from slowtask.store.measuring import choose_columns
from slowtask.store.packing import pack
from slowtask.store.reading import Reading


def as_lines(folder, runs):
    return written(folder / "runs.ndjson", runs)


def as_gzip(folder, runs):
    path = folder / "runs.ndjson.gz"
    path.write_bytes(gzip.compress(b"".join(line(run) + b"\n" for run in runs)))
    return path


def as_parquet(folder, runs):
    path = as_lines(folder, runs)
    return pack(Source(path=path, kind="lines"), path, folder).target


def among_others(folder, runs):
    return written(folder / "runs.log", runs, b"a banner of somebody's")


@pytest.fixture(params=[as_lines, as_gzip, as_parquet, among_others])
def store(request, tmp_path):
    """What makes a store of runs."""
    return lambda runs: Files(resolve([str(request.param(tmp_path, runs))]))


def measured(store, **query):
    """The figures by task."""
    return {each.task: each for each in store.measure(Query(**query)).figures}


def test_each_task_is_counted(store):
    found = measured(store([made("a", 1), made("a", 3, 1), made("b", 5, 2)]))

    assert {task: (each.count, each.total, each.max) for task, each in found.items()} == {
        "a": (2, 4e9, 3e9),
        "b": (1, 5e9, 5e9),
    }


def test_failures_are_counted(store):
    found = measured(
        store([made("a", 1, 0, outcome="failure"), made("a", 1, 1), made("a", 1, 2, outcome="unknown")])
    )

    assert found["a"].failures == 1


def test_a_run_without_a_time_counts_but_not_in_the_times(store):
    found = measured(store([made("a", 2), made("a", None, 1, outcome="failure", action="abandoned")]))

    assert (found["a"].count, found["a"].timed, found["a"].p50) == (2, 1, 2e9)


def test_a_task_of_no_known_times_has_none(store):
    found = measured(store([made("a", None)]))["a"]

    assert (found.total, found.max, found.p50, found.p99, found.wait_p95) == (0, None, None, None, None)


def test_few_runs_have_exact_percentiles_between_closest_ranks(store):
    found = measured(store([made("a", took, took) for took in range(1, 12)]))["a"]

    assert (found.p50, found.p95, found.p99) == pytest.approx((6e9, 10.5e9, 10.9e9))


def test_waits_have_their_own_percentile(store):
    found = measured(store([made("a", 1, number, wait=number * 10**9) for number in range(21)]))["a"]

    assert found.wait_p95 == 19e9


def test_since_takes_in_its_moment_and_until_leaves_it_out(store):
    runs = [made("a", 1, number) for number in range(10)]
    found = measured(store(runs), since=BEGIN + timedelta(seconds=3), until=BEGIN + timedelta(seconds=7))

    assert found["a"].count == 4


def test_only_the_named_queues_count(store):
    runs = [made("a", 1, 0, queue="mail"), made("b", 1, 1, queue="slow"), made("c", 1, 2)]

    assert measured(store(runs), queues=("mail", "other")).keys() == {"a"}


def test_kills_cpu_and_memory_are_measured(store):
    runs = [
        made("a", 2, 0, cpu=10**9, memory=5_000, outcome="failure", action="killed", reason="signal 9"),
        made("a", 4, 1, cpu=3 * 10**9, memory=9_000),
        made("a", 6, 2),
    ]
    found = measured(store(runs))["a"]

    assert (found.killed, found.memory) == (1, 9_000)
    assert (found.cpu, found.cpu_time) == (4e9, 6e9)
    assert found.deviation == pytest.approx(1.632993e9)


def test_runs_can_be_grouped_by_any_field(store):
    runs = [made("a", 1, 0, host="one"), made("b", 2, 1, host="one"), made("a", 4, 2)]

    assert {each: found.total for each, found in measured(store(runs), group="host.name").items()} == {
        "one": 3e9,
        "": 4e9,
    }


def test_runs_can_be_grouped_and_chosen_by_a_label_whatever_its_name(store):
    name = 'a/b~c "d"'
    runs = [
        made("a", 1, 0, labels={name: "acme"}),
        made("b", 2, 1, labels={name: "other"}),
        made("c", 4, 2, labels={"tenant": "acme"}),
    ]
    made_store = store(runs)

    assert measured(made_store, group=f"labels.{name}").keys() == {"acme", "other", ""}
    assert measured(made_store, where=((f"labels.{name}", "acme"),)).keys() == {"a"}


def test_every_condition_must_hold(store):
    runs = [made("a", 1, 0, version="1", host="x"), made("b", 1, 1, version="1", host="y"), made("c", 1, 2)]

    assert measured(store(runs), where=(("service.version", "1"), ("host.name", "y"))).keys() == {"b"}


def test_the_workers_that_were_seen_are_counted(store):
    runs = [made("a", 1, number, worker=f"w{number % 3}", system="rq", pid=number) for number in range(9)]

    assert store(runs).measure(Query()).workers == 3


def test_each_process_of_a_celery_worker_counts(store):
    runs = [made("a", 1, number, worker="w", system="celery", pid=number % 4) for number in range(9)]

    assert store(runs).measure(Query()).workers == 4


def test_workers_without_a_name_are_not_counted(store):
    assert store([made("a", 1)]).measure(Query()).workers is None


def test_two_versions_are_compared_task_by_task(store):
    runs = [made("a", took, number, version="1") for number, took in enumerate((1, 2))]
    runs += [made("a", took, number + 2, version="2") for number, took in enumerate((3, 4, 5))]
    runs += [made("b", 1, 7, version="2"), made("c", 1, 8, version="3")]
    found = store(runs).compare(*(Query(where=(("service.version", each),)) for each in "12"))
    pairs = {pair.task: pair for pair in found.pairs}

    assert pairs.keys() == {"a", "b"}
    assert (pairs["a"].before.figures.total, pairs["a"].after.figures.total) == (3e9, 12e9)
    assert (pairs["b"].before.figures, pairs["b"].before.times) == (None, {})
    assert pairs["a"].after.times == {bin_of(took * 10**9): 1 for took in (3, 4, 5)}


def spread_out(times):
    """The bin of each run, in order."""
    return sorted(each for each, count in times.items() for _ in range(count))


def bin_of(nanoseconds):
    return math.floor(math.log(nanoseconds) / math.log(1.005))


def test_a_comparison_has_the_figures_of_each_side_alone(store):
    runs = [made("a", number + 1, number, wait=number, cpu=number) for number in range(20)]
    middle = BEGIN + timedelta(seconds=10)
    found_store = store(runs)
    [pair] = found_store.compare(Query(until=middle), Query(since=middle)).pairs

    assert pair.before.figures == measured(found_store, until=middle)["a"]
    assert pair.after.figures == measured(found_store, since=middle)["a"]


def test_the_span_is_from_the_first_to_the_last_end(store):
    found = measured(store([made("a", 1, 5), made("a", 1, 2)]))["a"]
    start = round(BEGIN.timestamp() * 1e6)

    assert (found.first - start, found.last - start) == (2_000_000, 5_000_000)


def test_a_time_known_to_a_second_says_so(store):
    found = measured(store([made("a", 1, 0, margin=10**9), made("a", 1, 1), made("b", 1)]))

    assert (found["a"].margin, found["b"].margin) == (10**9, 0)


def test_names_are_whatever_the_log_says(store):
    names = ["a,b", 'say "x"', "späte.aufgabe", "x'; DROP TABLE runs; --", "a\nb"]

    assert measured(store([made(name) for name in names])).keys() == set(names)


# Files only


@pytest.mark.parametrize(
    "name", ["it's", 'a"b', "a*b", "a?b", "a[b]c", "a\\*b", "a\nb", "x=1", " ", "ü", "$files"]
)
def test_a_file_of_any_name_is_read_and_no_other(tmp_path, name):
    written(tmp_path / "aXb", [made("other")])
    written(tmp_path / "abc", [made("other")])

    assert measured(Files([Source(path=written(tmp_path / name, [made("a")]), kind="lines")])).keys() == {"a"}


MONITOR = b'{"@timestamp":"2026-11-06T09:00:00.000000Z","event.id":"0","event.dataset":"slowtask.queue"}'
BAD = [
    line(made())[:60],
    b"\0\0\0\0" + line(made())[:20],
    b"Time: soon",
    b'{"message": "Task a.b[1] succeeded in soon"}',
    line(made()).replace(b"success", b"sideways"),
    line(made()).replace(b":1000000000", b":-5"),
    line(made()).replace(b":1000000000", b':"soon"'),
    line(made()).replace(b"T09:", b"T29:"),
    line(made()) * 2,
    b"x" * 2_000_000,
]
#: Lines of other programs.
OTHERS = [b"plain text", b"[1, 2]", b"null", b'{"a": 1}', b"\xff\xfe"]


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: repr(bad[-30:]))
@pytest.mark.parametrize("first", [True, False])
def test_a_bad_line_is_counted_and_costs_no_other(tmp_path, bad, first):
    log = tmp_path / "runs.ndjson"
    good = line(made("a"))
    log.write_bytes(b"\n".join([bad, good, good] if first else [good, good, bad]) + b"\n")
    found = Files(resolve([str(log)])).measure(Query())

    assert {each.task: each.count for each in found.figures}["a"] == 2
    assert found.bad.count + sum(each.count for each in found.figures) >= 3


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("first", [True, False])
def test_a_line_of_another_program_is_counted_as_such(tmp_path, other, first):
    log = tmp_path / "runs.ndjson"
    good = line(made("a"))
    log.write_bytes(b"\n".join([other, good, good] if first else [good, good, other]) + b"\n")
    found = Files(resolve([str(log)])).measure(Query())

    assert [(each.task, each.count) for each in found.figures] == [("a", 2)]
    assert (found.bad, sum(found.others.values())) == (BadLines(), 1)


def test_other_lines_of_ours_are_neither_runs_nor_bad(tmp_path):
    found = Files(resolve([str(written(tmp_path / "runs.log", [made()], MONITOR))])).measure(Query())

    assert (found.bad.count, found.figures[0].count) == (0, 1)


def test_top_and_parse_agree_on_a_mixed_file(tmp_path):
    from slowtask.parse.events import events
    from slowtask.parse.items import Unparsable

    text = b"Time: 2026-11-06 18:47:58,145554 Task: jobs.send_mail Task-time: 4"
    log = written(tmp_path / "mixed.log", [made("a"), made("b")], text, *BAD, MONITOR, line(made("c")))
    found = Files(resolve([str(log)])).measure(Query())
    items = list(events(resolve([str(log)])[0]))
    bad = sum(isinstance(each, Unparsable) for each in items)

    assert (sum(each.count for each in found.figures), found.bad.count) == (len(items) - bad, bad)


def test_a_file_that_is_gone_when_it_is_read_is_not_a_crash(tmp_path):
    from slowtask.errors import SourceError

    log = written(tmp_path / "runs.ndjson", [made()])
    sources = resolve([str(log)])
    log.unlink()

    with pytest.raises(SourceError, match=r"runs\.ndjson can't be read"):
        Files(sources).measure(Query())


def test_a_log_and_its_packed_form_count_once(tmp_path):
    log = written(tmp_path / "runs.ndjson.1", [made(), made(number=1)])
    pack(Source(path=log, kind="lines"), log, tmp_path)
    found = Files(resolve([str(tmp_path)])).measure(Query())

    assert (found.figures[0].count, found.skipped) == (2, 1)


def test_a_parquet_of_somebody_else_is_refused(tmp_path):
    from slowtask.errors import SourceError

    (tmp_path / "x.parquet").write_bytes(b"PAR1 not really")

    with pytest.raises(SourceError, match="leave it out"):
        Files(resolve([str(tmp_path / "x.parquet")])).measure(Query())


@pytest.fixture
def fill_memory(monkeypatch):
    """Makes memory too short for all times, from when it is called."""
    fill = Reading.fill

    def short(self, statement, *arguments):
        if statement == "exact":
            raise duckdb.OutOfMemoryException
        return fill(self, statement, *arguments)

    return lambda: monkeypatch.setattr(Reading, "fill", short)


def test_where_memory_is_too_short_for_all_times_the_sketch_answers(tmp_path, fill_memory):
    fill_memory()
    log = as_lines(tmp_path, [made("a", took, took) for took in range(1, 12)])
    found = measured(Files(resolve([str(log)])))["a"]

    assert (found.count, found.max) == (11, 11e9)
    assert (found.p50, found.p95, found.p99) == pytest.approx((6e9, 10.5e9, 10.9e9), rel=0.01)


def test_the_sketch_compares_too(tmp_path, fill_memory):
    runs = [made("a", number + 1, number) for number in range(20)]
    store = Files(resolve([str(as_lines(tmp_path, runs))]))
    middle = BEGIN + timedelta(seconds=10)
    [exact] = store.compare(Query(until=middle), Query(since=middle)).pairs
    fill_memory()
    [pair] = store.compare(Query(until=middle), Query(since=middle)).pairs

    for found, wanted in ((pair.before.times, exact.before.times), (pair.after.times, exact.after.times)):
        assert spread_out(found) == pytest.approx(spread_out(wanted), abs=2)
    assert pair.after.figures.total == exact.after.figures.total


# The sketch: what is done where memory can't hold all times


COLUMNS = (
    "task, side, ended, outcome, action, duration, margin, wait, cpu, memory, system, worker, pid, sound"
)


def sketched(times, waits):
    """The row of sketch.sql and of exact.sql for one task."""
    runs = ", ".join(
        f"('a', true, now(), 'success', 'finished', {'NULL' if took is None else took}::BIGINT, 0,"
        f" {wait}::BIGINT, 1, 2, 'rq', 'w', 3, true)"
        for took, wait in zip(times, waits, strict=True)
    )
    return tuple(
        measured_by(statements, f"FROM (VALUES {runs}) AS runs({COLUMNS})")
        for statements in (("count", "sketch"), ("exact",))
    )


def measured_by(statements, table):
    """The row that *statements* make of the runs in *table*."""
    for name in statements:
        sql = read_sql(name).replace("FROM runs", table)
        for column, text in choose_columns(seats=True, times=False).items():
            sql = sql.replace(column, text)
        fetch(CONNECTION, sql, {})
    return fetch(CONNECTION, read_sql("measured"), {})[0]


@pytest.fixture(scope="module", autouse=True)
def connection(tmp_path_factory):
    global CONNECTION
    with connect(tmp_path_factory.mktemp("duck"), "macros", "buckets") as CONNECTION:
        yield


nanoseconds = st.integers(0, 10**15) | st.integers(0, 300)
CLOSE = st.integers(10**9, 1_030_000_000)  # neighbours that share buckets


@pytest.mark.slow
@given(st.lists(st.tuples(nanoseconds | CLOSE, nanoseconds | CLOSE), min_size=1, max_size=60))
def test_sketched_values_are_within_one_percent_of_the_exact(pairs):
    sketch, exact = sketched(*zip(*pairs, strict=True))

    assert sketch["percentiles"] == pytest.approx(exact["percentiles"], rel=0.01 + 1e-9)
    assert sketch["wait_p95"] == pytest.approx(exact["wait_p95"], rel=0.01 + 1e-9)


@pytest.mark.slow
@given(st.lists(nanoseconds | st.none(), min_size=1, max_size=30))
def test_sketched_sums_are_exact(times):
    sketch, exact = sketched(times, [0] * len(times))
    plain = [
        key for key in exact if key not in ("percentiles", "wait_p95", "total", "deviation", "first", "last")
    ]

    assert [sketch[key] for key in plain] == [exact[key] for key in plain]
    assert sketch["total"] == pytest.approx(exact["total"])
    assert sketch["deviation"] == pytest.approx(
        exact["deviation"], rel=1e-6, abs=(exact["total"] or 0) * 1e-6
    )


@pytest.mark.slow
@given(st.lists(st.sampled_from([2**n for n in range(40)]), min_size=1, max_size=40, unique=True))
def test_times_in_buckets_of_their_own_are_exact(times):
    sketch, exact = sketched(times, times)

    assert sketch["percentiles"] == pytest.approx(exact["percentiles"], rel=1e-12)


def test_a_run_of_unknown_time_is_in_no_bin_of_a_comparison(store):
    runs = [made(number=0), made(number=1, took=None), made(number=20, took=0)]
    middle = BEGIN + timedelta(seconds=10)

    [pair] = store(runs).compare(Query(until=middle), Query(since=middle)).pairs

    assert sum(pair.before.times.values()) == 1
    assert pair.after.times == {-1: 1}


def test_the_fields_that_runs_have_are_found_with_their_labels(tmp_path):
    runs = [made("a", 1, 0, queue="mail", labels={"tenant": "acme"}), made("a", 1, 1, labels={"b c": "d"})]
    store = Files(resolve([str(as_lines(tmp_path, [*runs, made("b", 1, 2, host="x")]))]))

    assert store.fields(Query(where=(("task.name", "a"),), group="labels.none")) == (
        "task.name", "queue.name", "event.outcome", "labels.b c", "labels.tenant",
    )  # fmt: skip


def test_each_field_with_a_short_name_is_looked_for():
    named = re.findall(r'AS "([\w.]+)"', read_sql("fields"))

    assert named == [*SHORT_NAMES.values()]
