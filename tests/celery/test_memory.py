"""The peak memory of pool processes that died: their parent notes it when it reaps them."""

import os
import signal
import time

import pytest
from billiard import get_context
from billiard.popen_fork import Popen

from slowtask.celery import memory
from slowtask.celery.memory import note_peaks, peak_of, read_peak

MB = 1_000_000
Process = get_context("fork").Process


@pytest.fixture(autouse=True)
def noted(monkeypatch):
    """The hook in place, and nobody's peaks known."""
    monkeypatch.setattr(Popen, "poll", Popen.poll)
    monkeypatch.setattr(memory, "_peaks", {})
    note_peaks()


def fill(size):
    return bytearray(os.urandom(1) * (size * MB))


def die_full(size):
    """Dies as a process out of memory does."""
    full = fill(size)
    os.kill(os.getpid(), signal.SIGKILL)
    del full


def end_with(code):
    os._exit(code)


def run(task, *arguments):
    process = Process(target=task, args=arguments)
    process.start()
    process.join()
    return process


def test_each_process_that_dies_has_its_own_peak():
    """The larger first: the maximum over all children, which is all a parent is told, hides the second."""
    large, small = (run(die_full, size) for size in (200, 60))
    peaks = [peak_of(each.pid) for each in (large, small)]

    assert peaks[0] > 200 * MB
    assert 60 * MB < peaks[1] < peaks[0] - 100 * MB


@pytest.mark.parametrize(
    ("task", "argument", "code"), [(die_full, 1, -9), (end_with, 3, 3), (end_with, 0, 0)]
)
def test_billiard_still_learns_how_a_process_ended(task, argument, code):
    assert run(task, argument).exitcode == code


def test_a_process_that_was_reaped_by_another_is_left_to_billiard():
    process = Process(target=end_with, args=(0,))
    process.start()
    os.waitpid(process.pid, 0)

    assert process.exitcode is None
    assert peak_of(process.pid) is None


def test_a_process_that_dies_while_its_parent_looks_has_its_peak(monkeypatch):
    """Nobody else may reap it after the first look, at which it still lived."""
    process = Process(target=time.sleep, args=(60,))
    process.start()

    def look(pid, flag, real=os.wait4):
        found = real(pid, flag)
        if found[0] == 0:
            os.kill(pid, signal.SIGKILL)
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)  # it is dead, and not reaped
        return found

    monkeypatch.setattr(os, "wait4", look)

    assert process.exitcode is None
    assert process.exitcode == -9
    assert peak_of(process.pid) > MB


def test_a_process_that_lives_is_read_from_the_system():
    """As one that has reached its time limit, and is killed in a moment."""
    full = fill(60)

    assert peak_of(os.getpid()) == read_peak(os.getpid()) > len(full)


def test_a_peak_is_given_once_and_few_are_kept(monkeypatch):
    """A process id comes back some day."""
    monkeypatch.setattr(memory, "MAX_PEAKS", 2)
    pids = [run(end_with, 0).pid for _ in range(3)]

    assert [peak_of(pid) is None for pid in pids] == [True, False, False]
    assert peak_of(pids[2]) is None


def test_the_hook_is_set_once():
    once = Popen.poll
    note_peaks()

    assert Popen.poll is once
