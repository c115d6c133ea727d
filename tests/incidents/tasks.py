"""Incidents of tasks: slower since a release, failing, killed, out of memory."""

import os
import signal
from pathlib import Path

from incidents.incident import Incident
from incidents.processes import wait_for

KILLED = ("task-killed", "task-memory")


def slower_release(site):
    """Version 2.0 takes three times as long: two workers had 40 % to do, and have 120 %."""
    site.redis()
    old = site.rq_workers("w21", "w22", SLOWTASK_SERVICE_VERSION="1.0", PRICE_SECONDS="0.1")
    site.feed("price", rate=7)
    site.watch(15)
    site.broke()
    for each in old:
        each.terminate()
    site.rq_workers("w23", "w24", SLOWTASK_SERVICE_VERSION="2.0", PRICE_SECONDS="0.3")


def slower_celery_release(site):
    site.redis(celery=True)
    [old] = site.celery_workers("a", SLOWTASK_SERVICE_VERSION="1.0", PRICE_SECONDS="0.1")
    site.feed("price", rate=7)
    site.watch(15)
    site.broke()
    old.terminate()
    site.celery_workers("b", SLOWTASK_SERVICE_VERSION="2.0", PRICE_SECONDS="0.3")


def resident(pid):
    """The memory of a process, in megabytes."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE") >> 20
    except OSError:
        return 0


def biggest(workers):
    """The process of *workers* that holds more than 150 MB; None until there is one."""
    pids = [pid for each in workers for pid in each.children()]
    return next((pid for pid in pids if resident(pid) > 150), None)


def horse_killed(site):
    """The kernel kills the work-horse that holds the most memory, as its out-of-memory killer does."""
    site.redis()
    workers = site.rq_workers("w21", "w22")
    site.feed("mail", 0.05, rate=4)
    site.watch()
    site.publish("render", 150, 60)
    horse = wait_for(lambda: biggest(workers), "the horse with its memory")
    os.kill(horse, signal.SIGKILL)
    site.broke()


def out_of_memory(site):
    """A task asks for more than it may have, again and again."""
    site.redis()
    site.rq_workers("w21", "w22")
    site.feed("mail", 0.05, rate=4)
    site.watch()
    site.broke()
    site.feed("crop", 200, rate=1)


def poisoned(site):
    """One task kills each work-horse that runs it."""
    site.redis()
    site.rq_workers("w21", "w22")
    site.feed("mail", 0.05, rate=4)
    site.watch()
    site.broke()
    site.feed("poison", rate=1)


def failing_release(site):
    """Since version 2.0 every invoice fails."""
    site.redis()
    old = site.rq_workers("w21", "w22", SLOWTASK_SERVICE_VERSION="1.0")
    site.feed("invoice", rate=4)
    site.watch(12)
    for each in old:
        each.terminate()
    site.broke()
    site.rq_workers("w31", "w32", SLOWTASK_SERVICE_VERSION="2.0")


def missing_code(site):
    """A release lacks the module that its producers call."""
    site.redis()
    site.rq_workers("w21", "w22")
    site.feed("mail", 0.05, rate=4)
    site.watch()
    site.broke()
    site.feed("gone", rate=2)


def timing_out(site):
    """A service hangs, so each export ends at its time limit."""
    site.redis()
    site.rq_workers("w21", "w22", "w23")
    site.feed("mail", 0.05, rate=4)
    site.watch()
    site.broke()
    site.feed("export", 30, rate=0.7, job_timeout=2)


INCIDENTS = [
    Incident(
        number="16",
        title="RQ: a release makes a task three times slower",
        stage=slower_release,
        should="jobs.price 0.10 → 0.30 s since 2.0",
        causes=("task-slower",),
        words=(r"jobs\.price", r"2\.0", r"0?\.3|3\d\d ms"),
        within=45,
    ),
    Incident(
        number="16b",
        title="Celery: a release makes a task three times slower",
        stage=slower_celery_release,
        should="jobs.price 0.10 → 0.30 s since 2.0",
        causes=("task-slower",),
        words=(r"jobs\.price", r"2\.0", r"0?\.3|3\d\d ms"),
        within=45,
        rare=True,
    ),
    Incident(
        number="17",
        title="RQ: a horse is killed",
        stage=horse_killed,
        should="jobs.render was killed at 1\u00d7, with its peak memory, on this host",
        causes=KILLED,
        words=(r"jobs\.render", "killed", r"[MG]B"),
        within=15,
    ),
    Incident(
        number="17b",
        title="RQ: a task is out of memory",
        stage=out_of_memory,
        should="jobs.crop fails with MemoryError",
        causes=("task-failing", *KILLED),
        words=(r"jobs\.crop", "memory"),
        within=20,
    ),
    Incident(
        number="29",
        title="RQ: a task kills each work-horse",
        stage=poisoned,
        should="jobs.poison was killed 10 times in 10 s",
        causes=("task-killed",),
        words=(r"jobs\.poison",),
        within=20,
        never=(r"to blame: jobs\.mail",),
    ),
    Incident(
        number="30",
        title="RQ: a task fails since a release",
        stage=failing_release,
        should="jobs.invoice fails always since 2.0: LookupError",
        causes=("task-failing",),
        words=(r"jobs\.invoice", "2.0|LookupError"),
        within=30,
    ),
    Incident(
        number="51",
        title="RQ: the code of a task is missing",
        stage=missing_code,
        should="jobs.gone fails always: there is no such function",
        causes=("task-failing",),
        words=(r"jobs\.gone",),
        within=25,
    ),
    Incident(
        number="52",
        title="RQ: every run of a task times out",
        stage=timing_out,
        should="jobs.export always reaches its time limit of 2 s",
        causes=("task-failing",),
        words=(r"jobs\.export",),
        within=35,
    ),
]
