"""Ordinary days, on which nobody may be woken."""

import time

from incidents.incident import Incident
from incidents.traffic import DRAINS


def ordinary_day(site):
    """Two workers have 60 % to do, at random; the log is empty at first."""
    site.redis()
    site.rq_workers("w21", "w22")
    site.feed("mail", 0.1, rate=6)
    site.feed("export", 1.2, rate=0.4)
    site.watch()
    site.broke()


def idle_night(site):
    """Nothing to do for RQ's workers: they don't even send heartbeats."""
    site.redis()
    site.rq_workers("w21", "w22")
    site.publish("mail", 0.05, count=3)
    site.watch()
    site.broke()


def long_job(site):
    """A report that usually takes half a minute runs on one of two workers."""
    site.history(mail=0.05, export=30.0)
    site.redis()
    site.rq_workers("w21", "w22")
    site.feed("mail", 0.05, rate=4)
    site.watch()
    site.broke()
    site.publish("export", 30)


def deployment(site):
    """Workers are replaced one after the other, as each deployment does."""
    site.redis()
    old = site.rq_workers("w21", "w22", SLOWTASK_SERVICE_VERSION="1.0")
    site.feed("mail", 0.05, rate=4)
    site.watch()
    site.broke()
    for number, each in enumerate(old):
        each.terminate()
        time.sleep(2)  # as long as a container takes to start
        site.rq_workers(f"w3{number}", SLOWTASK_SERVICE_VERSION="1.1")


def solo_pool(site):
    """A worker of one thread sends no heartbeat while it runs a task."""
    site.history(export=8.0, mail=0.05)
    site.redis(celery=True)
    site.celery_workers("a", options=("-P", "solo"))
    site.publish("mail", 0.05, count=3)
    site.watch()
    site.broke()
    site.feed("export", 8, rate=0.1)


def held_back(site):
    """Celery's worker holds tasks that are due in an hour."""
    site.redis(celery=True)
    site.celery_workers("a", "b")
    site.feed("mail", 0.05, rate=4)
    site.watch()
    site.broke()
    site.publish("mail", 0.05, count=30, countdown=3600)


def skewed_clocks(site):
    """The producer's clock is an hour behind: its jobs look an hour old, and leave at once."""
    site.redis()
    site.rq_workers("w21", "w22")
    site.feed("mail", 0.05, rate=4, skew=-3600)
    site.watch()
    site.broke()


def hourly_report(site):
    """A new task that the log doesn't know runs for 20 s on one worker of two."""
    site.redis()
    site.rq_workers("w21", "w22")
    site.feed("mail", 0.05, rate=4)
    site.watch()
    site.broke()
    site.publish("export", 20)


INCIDENTS = [
    Incident(number="39", title="an ordinary day at 60 %", stage=ordinary_day, should="quiet", within=30),
    Incident(
        number="40",
        title="an idle night",
        stage=idle_night,
        should="quiet",
        within=20,
        never=DRAINS,
        rare=True,
    ),
    Incident(number="41", title="a long job that is usually long", stage=long_job, should="quiet", within=25),
    Incident(number="42", title="a deployment", stage=deployment, should="quiet", within=25),
    Incident(
        number="43",
        title="Celery: a solo pool at work",
        stage=solo_pool,
        should="quiet",
        within=25,
        rare=True,
    ),
    Incident(
        number="44", title="Celery: tasks that are due in an hour", stage=held_back, should="quiet", within=20
    ),
    Incident(
        number="54",
        title="a producer's clock is an hour behind",
        stage=skewed_clocks,
        should="quiet",
        within=15,
        rare=True,
    ),
    Incident(
        number="55",
        title="a long job that the log doesn't know",
        stage=hourly_report,
        should="quiet",
        within=25,
        rare=True,
    ),
]
