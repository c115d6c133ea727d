"""A process of Celery's pool that was killed is counted, and named where the log lets one."""

import pytest

from logs import read_lines

JOB = "519088f5-90fb-4d11-9c1c-aaf75e8766ed"
CHILD = "[2024-05-06 10:00:{},000: INFO/ForkPoolWorker-1]"
PARENT = "[2024-05-06 10:00:{},000: ERROR/MainProcess]"
EXITED = PARENT.format("09") + " Process 'ForkPoolWorker-1' pid:42 exited with 'signal 9 (SIGKILL)'"
LOST = PARENT.format("10") + " Task handler raised error: WorkerLostError('Worker exited: signal 9 Job: 2.')"


@pytest.fixture
def read(tmp_path):
    """The runs that lines tell of, as task, action and reason, and the reasons of what can't be read."""

    def read(*lines):
        runs, bad = read_lines(tmp_path, *lines)
        return [(each.task, each.action, each.reason) for each in runs], bad

    return read


@pytest.mark.parametrize(
    "said",
    [
        f"{CHILD.format('01')} shop.add[{JOB}]: half done",
        f"{CHILD.format('01')} [shop.add({JOB} via {JOB})] half done",
        f"[2024-05-06 10:00:01,000: DEBUG/MainProcess] Task accepted: shop.add[{JOB}] pid:42",
    ],
)
@pytest.mark.parametrize("after", [(), (LOST,)], ids=["alone", "and lost"])
def test_it_ran_what_it_spoke_of_last(read, said, after):
    found = read(said, f"{CHILD.format('02')} more output", EXITED, *after)

    assert found == ([("shop.add", "killed", "signal 9")], [])


def test_what_had_ended_was_not_killed(read):
    runs, bad = read(
        f"{CHILD.format('01')} shop.add[{JOB}]: half done",
        f"{CHILD.format('02')} Task shop.add[{JOB}] succeeded in 1.5s: None",
        EXITED,
    )

    assert [action for _, action, _ in runs] == ["finished"]
    assert bad == ["lost-process"]


def test_without_a_name_it_is_reported_once(read):
    assert read(EXITED) == ([], ["lost-process"])
    assert read(EXITED, LOST) == ([], ["no-task-name"])


@pytest.mark.parametrize(
    "why",
    [
        f"{PARENT.format('08')} Hard time limit (1s) exceeded for shop.add[{JOB}]",
        f"{PARENT.format('08')} Terminating {JOB} (9)",
    ],
)
def test_the_end_of_a_process_whose_task_was_stopped_tells_nothing_new(read, why):
    runs, bad = read(f"{PARENT.format('01')} Task shop.add[{JOB}] received", why, EXITED)

    assert len(runs) == 1
    assert bad == []


def test_a_cold_shutdown_is_reported(read):
    assert read(f"{CHILD.format('01')} working", "worker: Cold shutdown (MainProcess)") == (
        [],
        ["lost-process"],
    )
