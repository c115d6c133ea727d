"""The metrics of runs: each run counts once, under labels whose number is bounded."""

import threading
from itertools import count

import prometheus_client
import pytest
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from slowtask.watch.history import GAPS, History
from slowtask.watch.metrics import counts as counting
from slowtask.watch.metrics.counts import RunCounts
from slowtask.watch.metrics.labels import MAX_LABEL, MAX_OTHERS, MAX_QUEUES, MAX_SYSTEMS, OTHER
from slowtask.watch.metrics.runs import RunCollector
from slowtask.watch.recent import RecentRun

NUMBERS = count()
START = 1000.0


class Scene:
    """A monitor that started at `START`, and what Prometheus reads of it."""

    def __init__(self, limit=50):
        self.now = START
        self.counts = RunCounts(limit, clock=lambda: self.now)
        self.history = History(on_run=self.counts.add)
        self.registry = prometheus_client.CollectorRegistry()
        self.registry.register(RunCollector(self.counts, self.history))

    def add(self, *runs, **values):
        """Have these runs end, or one with *values*."""
        self.history.add(runs or [run(**values)])

    def value(self, name, **labels):
        """The value of the only sample called *name* that has these *labels*; None without one."""
        found = [
            sample.value
            for family in self.registry.collect()
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]
        return {0: None, 1: found[0] if found else None}[len(found)]

    def places(self):
        """The queues and tasks that have labels of their own, or share one."""
        return {(place.queue, place.task) for place in self.counts.read()}


def run(task="jobs.price", end=START, queue="mail", system="rq", action="finished", **values):
    return RecentRun(
        **{"task": task, "end": end, "queue": queue, "system": system, "action": action, "id": next(NUMBERS)}
        | values
    )


@pytest.fixture
def scene():
    return Scene()


def test_an_attempt_counts_by_how_it_ended(scene):
    scene.add(run(), run(action="killed"), run(action="killed"), run(action=None), run(action="new kind"))

    attempts = {
        action: scene.value("slowtask_attempts_total", action=action)
        for action in ("finished", "killed", "failed", "unknown")
    }
    assert attempts == {"finished": 1, "killed": 2, "failed": 0, "unknown": 2}


def test_run_time_and_wait_are_observed_in_seconds(scene):
    scene.add(run(took=1.5, wait=0.2), run(took=700.0, wait=0.0))

    assert scene.value("slowtask_run_seconds_sum") == 701.5
    assert scene.value("slowtask_run_seconds_bucket", le="2.5") == 1
    assert scene.value("slowtask_run_seconds_bucket", le="1800.0") == 2
    assert scene.value("slowtask_wait_seconds_bucket", le="0.25") == 2


def test_what_is_not_known_is_not_observed(scene):
    scene.add(run(took=2.0))

    assert scene.value("slowtask_wait_seconds_count") == 0
    assert scene.value("slowtask_peak_memory_bytes") is None
    assert scene.value("slowtask_cpu_wall_seconds_total") == 0


def test_cpu_stands_beside_the_run_time_of_the_runs_whose_cpu_is_known(scene):
    scene.add(run(took=10.0, cpu=2.0), run(took=5.0))

    assert scene.value("slowtask_cpu_seconds_total") == 2.0
    assert scene.value("slowtask_cpu_wall_seconds_total") == 10.0
    assert scene.value("slowtask_worker_seconds_total") == 15.0


def test_a_peak_is_shown_for_ten_minutes_or_twenty_at_most(scene):
    scene.add(memory=5e7)
    scene.add(memory=2e7)
    shown = []
    for minutes in (1, 9.9, 11, 25):
        scene.now = START + minutes * 60
        shown.append(scene.value("slowtask_peak_memory_bytes"))

    assert shown == [5e7, 5e7, 5e7, None]


def test_runs_that_ended_before_the_start_are_not_counted_and_that_is_told(scene):
    scene.add(run(end=START - 1), run(end=START + 1))

    assert scene.value("slowtask_attempts_total", action="finished") == 1
    assert scene.value("slowtask_monitor_earlier_runs_total") == 1
    assert scene.value("slowtask_monitor_start_time_seconds") == START


def test_a_task_that_ran_before_the_start_has_zeros_so_that_its_first_kill_is_an_increase(scene):
    scene.add(end=START - 1)

    assert scene.value("slowtask_attempts_total", action="killed") == 0


def test_tasks_that_ran_before_the_start_and_share_a_label_have_zeros_too():
    scene = Scene(limit=0)
    scene.add(end=START - 1)

    assert scene.value("slowtask_attempts_total", action="killed", task=OTHER) == 0


def test_a_run_that_is_read_again_counts_once_even_when_its_task_has_had_many_others(scene):
    runs = [run(end=START + number) for number in range(1000)]
    scene.add(*runs)
    scene.add(*runs)

    assert scene.value("slowtask_attempts_total", action="finished") == 1000


def test_so_many_runs_are_remembered_that_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(counting, "MAX_SEEN", 10)
    seen = counting.Seen()
    first, *others = [run() for _ in range(100)]
    seen.add(first)

    assert not seen.add(first)
    assert all(map(seen.add, others))
    assert seen.add(first)


def test_at_most_so_many_tasks_have_labels_of_their_own_and_the_others_share_one_by_queue():
    scene = Scene(limit=2)
    scene.add(*(run(f"jobs.t{number}") for number in range(5)), run("jobs.t0", queue="bulk"))

    shown = {("mail", "jobs.t0"), ("mail", "jobs.t1"), ("mail", OTHER), ("bulk", OTHER)}
    assert scene.places() == shown
    assert scene.value("slowtask_attempts_total", action="finished", queue="mail", task=OTHER) == 3
    assert scene.value("slowtask_monitor_other_tasks") == 4


def test_labels_go_first_to_the_tasks_with_the_most_worker_time_before_the_start():
    scene = Scene(limit=2)
    scene.add(*(run(f"jobs.t{took}", end=START - 1, took=float(took)) for took in (1, 9, 5)))
    scene.add(run("jobs.t1"), run("jobs.t9"))

    assert scene.places() == {("mail", "jobs.t9"), ("mail", "jobs.t5"), ("mail", OTHER)}


def test_a_task_keeps_its_labels_whatever_comes_later():
    scene = Scene(limit=1)
    scene.add(run("jobs.first", took=0.1))
    before = scene.places()
    scene.add(run("jobs.second", took=900.0), run("jobs.third", end=START - 1, took=900.0))

    assert scene.places() == before | {("mail", OTHER)}


def test_queues_and_systems_without_end_share_a_label_too():
    scene = Scene(limit=0)
    scene.add(*(run(queue=f"q{number}") for number in range(2 * MAX_QUEUES)))
    scene.add(*(run(system=f"s{number}") for number in range(2 * MAX_SYSTEMS)))

    assert len({queue for queue, _ in scene.places()}) == MAX_QUEUES + 1
    assert len(scene.counts.read()) <= MAX_QUEUES + MAX_SYSTEMS + 1
    finished = sum(each.actions["finished"] for each in scene.counts.read().values())
    assert finished == 2 * MAX_QUEUES + 2 * MAX_SYSTEMS


def test_tasks_that_share_a_label_are_told_from_each_other_up_to_a_limit():
    scene = Scene(limit=0)
    scene.add(*(run(f"jobs.t{number}") for number in range(MAX_OTHERS + 100)))

    assert scene.value("slowtask_monitor_other_tasks") == MAX_OTHERS


def test_a_task_that_is_really_called_like_the_shared_label_is_told_from_it():
    scene = Scene(limit=1)
    scene.add(run(OTHER), run("jobs.price"))

    assert scene.places() == {("mail", rf"\{OTHER}"), ("mail", OTHER)}


def test_a_queue_that_is_not_known_is_empty(scene):
    scene.add(queue=None, system=None)

    assert scene.places() == {("", "jobs.price")}


@pytest.mark.parametrize(
    ("task", "begin"),
    [
        ('new\nline"', r'new\nline"'),
        ("esc\x1b[2J", r"esc\x1b[2J"),
        ("half a pair \ud800", r"half a pair \ud800"),
        ("x" * 100_000, "xxx"),
        ("ünïcode", "ünïcode"),
    ],
)
def test_a_hostile_name_makes_a_valid_and_bounded_label(scene, task, begin):
    scene.add(run(task), run(f"{task}2"))
    text = openmetrics.generate_latest(scene.registry).decode()
    read = {
        sample.labels["task"]
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if "task" in sample.labels
    }

    assert len(read) == 2
    assert all(name.startswith(begin) and name.isprintable() and len(name) <= MAX_LABEL for name in read)


def test_what_the_logs_may_miss_is_told_by_reason(scene):
    scene.history.note_gap("too-fast", 5_000_000)
    scene.history.note_gap("truncated")

    gaps = {reason: scene.value("slowtask_monitor_gaps_total", reason=reason) for reason in GAPS}
    assert gaps == dict.fromkeys(GAPS, 0) | {"too-fast": 1, "truncated": 1}
    assert scene.value("slowtask_monitor_skipped_bytes_total") == 5_000_000


def test_runs_are_counted_by_threads_and_read_meanwhile(scene):
    """Two monitors share a history, and the server reads in a thread of its own."""
    runs = [[run(took=0.1) for _ in range(5000)] for _ in range(2)]
    threads = [threading.Thread(target=scene.history.add, args=(each,)) for each in runs]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        for figures in scene.counts.read().values():
            assert sum(figures.actions.values()) >= figures.took.buckets[-1][1]
    for thread in threads:
        thread.join()

    assert scene.value("slowtask_run_seconds_count") == 10_000
