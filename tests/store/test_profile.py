"""The profile of one task, over files of any kind."""

import random
import statistics
from collections import Counter
from pathlib import Path

import pytest
from test_store import among_others, as_gzip, as_lines, as_parquet

from logs import line, made, written
from places import GOLDEN
from slowtask.errors import UsageError
from slowtask.parse.sources import resolve
from slowtask.rank.behind import rank_waits
from slowtask.rank.change import find_task
from slowtask.store import Query, place
from slowtask.store.files import Files
from slowtask.store.place import Places

SECOND = 10**9


def profile(*paths, task="jobs.thumb", query=None, slots=12):
    store = Files(resolve([str(each) for each in paths]))
    return store.profile(task, query or Query(), lambda names, _: names[find_task(names, task)], slots)


def busy_log(count=3000):
    """Two tasks on two workers, with waits that the runs before them explain."""
    chance = random.Random(15)
    free, runs, arrival = [0.0, 0.0], [], 0.0
    for number in range(count):
        arrival += chance.expovariate(1 / 0.55)
        worker = free.index(min(free))
        start = max(arrival, free[worker])
        task = chance.choice(("jobs.thumb", "jobs.thumb", "jobs.export"))
        took = chance.lognormvariate(0, 0.5) * (0.5 if task == "jobs.thumb" else 2)
        free[worker] = start + took
        failed = number % 50 == 0
        runs.append(
            made(
                task, took, start + took, id=f"{number:032x}", wait=int((start - arrival) * 1e9),
                queue="default", worker=f"w{worker}", host=f"web-{worker}", version="1.4",
                cpu=int(took * 2e8), memory=10**7 + number, task_id=f"job-{number}", trace=f"{number:032x}",
                outcome="failure" if failed else "success", action="failed" if failed else "finished",
                error="KeyError" if failed else None, message=f"order {number} is gone" if failed else None,
            )
        )  # fmt: skip
    return runs


RUNS = busy_log()
THUMBS = [run for run in RUNS if run.task == "jobs.thumb"]


@pytest.fixture(params=[as_lines, as_gzip, as_parquet, among_others])
def log(request, tmp_path):
    return request.param(tmp_path, RUNS)


def test_the_figures_are_those_of_the_runs(log):
    found = profile(log).summary

    took = [run.duration / 1e9 for run in THUMBS]
    assert (found.count, found.failures) == (len(THUMBS), sum(run.outcome == "failure" for run in THUMBS))
    assert found.total == pytest.approx(sum(took))
    assert found.p50 == pytest.approx(statistics.median(took))
    assert found.cpu / found.cpu_time == pytest.approx(0.2, rel=0.01)
    assert found.memory_max == max(run.memory for run in THUMBS)
    assert found.wait_max == pytest.approx(max(run.wait for run in THUMBS) / 1e9)


def test_its_share_is_of_the_time_of_all_tasks(log):
    assert profile(log).share == pytest.approx(
        sum(run.duration for run in THUMBS) / sum(run.duration for run in RUNS)
    )


def test_each_slot_has_the_runs_that_ended_in_it(log):
    found = profile(log)

    wanted = Counter(int(run.timestamp.timestamp() * 1e6) // found.width * found.width for run in THUMBS)
    assert {each.at: each.count for each in found.slots} == wanted
    assert len(found.slots) <= 12


def test_the_bins_hold_every_run(log):
    assert sum(profile(log).bins.values()) == len(THUMBS)


def test_the_runs_are_told_apart_by_field(log):
    found = profile(log).fields

    workers = Counter(run.worker for run in THUMBS)
    assert {each.value: each.count for each in found["worker"].groups} == workers
    assert found["version"].values == 1


def test_messages_that_differ_in_digits_are_one(log):
    [found] = profile(log).messages

    assert (found.error, found.count) == ("KeyError", sum(run.outcome == "failure" for run in THUMBS))


def test_the_longest_runs_are_named(log):
    worst = sorted(THUMBS, key=lambda run: -run.duration)[:10]

    assert [(each.id.replace("-", ""), each.task_id, each.trace) for each in profile(log).worst] == [
        (run.id, run.task_id, run.trace) for run in worst
    ]


def test_the_offset_of_a_longest_run_is_that_of_its_line(tmp_path):
    log = written(tmp_path / "runs.ndjson", RUNS)
    text = log.read_bytes()

    for each in profile(log).worst:
        assert text[each.offset :].split(b"\n")[0] == line(next(run for run in RUNS if run.id == each.id))


def test_the_offset_is_found_among_lines_of_others(tmp_path):
    log = among_others(tmp_path, RUNS)
    text = log.read_bytes()

    for each in profile(log).worst:
        assert each.id.encode() in text[each.offset :].split(b"\n")[0]


def test_a_compressed_file_has_no_offsets(tmp_path):
    found = profile(as_gzip(tmp_path, RUNS)).worst

    assert {(Path(each.file).name, each.offset) for each in found} == {("runs.ndjson.gz", None)}


def test_a_line_far_from_where_its_time_belongs_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(place, "NEAR", 1000)
    monkeypatch.setattr(place, "MAX_LINE", 5000)
    late = made("jobs.thumb", 900.0, 3, id="f" * 32)
    log = written(tmp_path / "runs.ndjson", [*RUNS, late])

    [first, *_] = profile(log).worst

    assert log.read_bytes()[first.offset :].strip() == line(late)


def test_a_search_that_takes_too_long_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(place, "NEAR", 1000)
    monkeypatch.setattr(place, "MAX_LINE", 5000)
    late = made("jobs.thumb", 900.0, 3, id="f" * 32)
    log = written(tmp_path / "runs.ndjson", [*RUNS, late])
    [source] = resolve([str(log)])
    row = {"place": None, "id": late.id, "ended": int(late.timestamp.timestamp() * 1e6)}

    assert Places(seconds=-1).find(source, row) is None


def test_a_stock_log_tells_job_and_offset(tmp_path):
    log = GOLDEN / "rq-3.0.0-worker.log"
    found = profile(log, task="jobs.send_mail").worst

    text = log.read_bytes()
    assert found
    assert all(b"jobs.send_mail" in text[each.offset :].split(b"\n")[0] for each in found)
    assert all(each.task_id for each in found)


def test_a_stock_log_tells_no_cpu_and_no_waits():
    found = profile(GOLDEN / "rq-3.0.0-worker.log", task="jobs.send_mail")

    assert (found.summary.cpu, found.summary.waited, found.summary.memory_max) == (None, None, None)
    assert found.behind == []


@pytest.mark.parametrize("often", [1, 10**9])
def test_what_its_jobs_waited_behind_is_what_behind_says(log, often, monkeypatch):
    """Also if the workers are known by the task's own runs."""
    monkeypatch.setattr("slowtask.store.profiling.OFTEN", often)
    store = Files(resolve([str(log)]))
    wanted = next(each for each in rank_waits(store.columns(Query())) if each.task == "jobs.thumb")

    found = {each.task: each.share for each in profile(log).behind}

    assert found.pop(None, 0.0) == pytest.approx(wanted.idle, abs=0.03)
    assert found == pytest.approx(dict(wanted.held), abs=0.03)


def test_a_job_that_waits_for_a_worker_of_another_queue_waited_behind_its_task(tmp_path):
    log = written(
        tmp_path / "runs.ndjson",
        [
            made("jobs.export", 100.0, 100, wait=0, queue="slow", worker="w"),
            made("jobs.thumb", 1.0, 101, wait=100 * SECOND, queue="fast", worker="w"),
            made("jobs.other", 100.0, 100, wait=0, queue="slow", worker="v"),
        ],
    )

    assert [(each.task, each.share) for each in profile(log).behind] == [("jobs.export", 1.0)]


def test_a_wait_while_no_worker_was_busy_is_nobody_s(tmp_path):
    log = written(tmp_path / "runs.ndjson", [made("jobs.thumb", 1.0, 101, wait=100 * SECOND, queue="q")])

    assert [(each.task, each.share) for each in profile(log).behind] == [(None, 1.0)]


def test_kills_have_their_reason_and_most_memory(tmp_path):
    killed = {"outcome": "failure", "action": "killed", "reason": "signal 9", "host": "h", "worker": "w"}
    log = written(
        tmp_path / "runs.ndjson",
        [made(number=number, memory=number * 1000, **killed) for number in (1, 3, 2)] + [made(number=4)],
    )

    [found] = profile(log).kills

    assert (found.reason, found.count, found.memory) == ("signal 9", 3, 3000)


def test_a_query_chooses_the_runs(log):
    found = profile(log, query=Query(where=(("worker.name", "w0"),)))

    assert found.summary.count == sum(run.worker == "w0" for run in THUMBS)


def test_the_end_of_a_name_is_enough_and_a_full_name_wins(tmp_path):
    log = written(
        tmp_path / "runs.ndjson", [made("a.send"), made("b.send", number=1), made("send", number=2)]
    )

    assert profile(log, task="send").task == "send"
    assert profile(log, task="a.send").summary.count == 1


def test_an_end_of_several_names_is_refused(tmp_path):
    log = written(tmp_path / "runs.ndjson", [made("a.send"), made("b.send", number=1)])

    with pytest.raises(UsageError, match=r"a\.send, b\.send"):
        profile(log, task="send")


def test_a_torn_line_is_no_run(tmp_path):
    log = written(tmp_path / "runs.ndjson", RUNS, line(RUNS[0])[:60])
    found = profile(log)

    assert (found.summary.count, found.measurement.bad.count) == (len(THUMBS), 1)


def test_a_packed_log_beside_its_source_counts_once(tmp_path):
    as_parquet(tmp_path, RUNS)
    found = profile(tmp_path)

    assert (found.summary.count, found.measurement.skipped) == (len(THUMBS), 1)
