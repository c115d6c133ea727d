"""A run that a log tells twice counts once; one that was run twice counts twice."""

import pytest

from logs import read_lines

JOB = "519088f5-90fb-4d11-9c1c-aaf75e8766ed"
HEAD = "[2024-05-06 10:00:{},000: {}/ForkPoolWorker-1]"
DONE = f"Task shop.add[{JOB}] succeeded in 1.5s: None"
RETRY = f"Task shop.add[{JOB}] retry: Retry in 0s: KeyError('x')"


@pytest.fixture
def read(tmp_path):
    """The runs that lines tell of, and the reasons of what can't be read."""

    def read(*lines):
        runs, bad = read_lines(tmp_path, *lines)
        return [each.action for each in runs], bad

    return read


@pytest.mark.parametrize(
    "second",
    [
        f"{HEAD.format('01', 'INFO')} {DONE}",
        f"{HEAD.format('01', 'WARNING')} {DONE}",
        f"[2024-05-06 10:00:01,001: WARNING/ForkPoolWorker-1] {DONE}",
        f"2024-05-06 10:00:01 INFO celery.app.trace {DONE}",
        f'time="2024-05-06T10:00:01Z" level=info msg="{DONE}"',
        f'{{"asctime": "2024-05-06 10:00:01,000", "levelname": "INFO", "message": "{DONE}"}}',
    ],
)
def test_a_second_handler_tells_nothing_new(read, second):
    assert read(f"{HEAD.format('01', 'INFO')} {DONE}", second) == (["finished"], [])


@pytest.mark.parametrize(
    "second",
    [
        f"{HEAD.format('02', 'INFO')} {DONE}",
        f"{HEAD.format('01', 'INFO')} {DONE.replace('1.5s', '1.6s')}",
        f"{HEAD.format('01', 'INFO')} {DONE.replace('ed]', 'ee]')}",
    ],
)
def test_a_task_that_is_delivered_twice_ran_twice(read, second):
    assert read(f"{HEAD.format('01', 'INFO')} {DONE}", second) == (["finished", "finished"], [])


def test_retries_in_one_second_are_several(read):
    found = read(
        f"{HEAD.format('01', 'INFO')} {RETRY}", f"[2024-05-06 10:00:01,100: INFO/ForkPoolWorker-1] {RETRY}"
    )

    assert found == (["retried", "retried"], [])


def test_rq_s_lines_may_all_come_twice(read):
    lines = [
        f"10:00:00 default: shop.add() ({JOB})",
        "10:00:01 Successfully completed shop.add() job in 0:00:01.5s on worker w1",
        f"10:00:02 default: Job OK ({JOB})",
        f"10:00:03 default: shop.kill() ({JOB[:-1]}f)",
        "10:00:04 Moving job to FailedJobRegistry (Work-horse terminated unexpectedly; waitpid returned 9)",
    ]

    assert read(*(each for line in lines for each in (line, line))) == (["finished", "killed"], [])


def test_a_job_of_rq_that_fails_again_without_a_start_line_failed_twice(read):
    failed = f"[Job {JOB}]: exception raised while executing (shop.add)"

    assert read(f"10:00:01 {failed}", f"10:00:05 {failed}") == (["failed", "failed"], [])


def test_two_workers_whose_jobs_are_killed_in_one_second_are_two(read):
    killed = "Moving job to FailedJobRegistry (Work-horse terminated unexpectedly; waitpid returned 9)"
    starts = [f"10:00:00 default: shop.add({number}) ({JOB[:-1]}{number})" for number in (1, 2)]

    assert read(*starts, f"10:00:04 {killed}", f"10:00:04 {killed}") == (["killed", "killed"], [])
