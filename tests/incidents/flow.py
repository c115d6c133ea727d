"""Incidents of the flow: a burst that drains, and schedules that are missed."""

from incidents.incident import Incident

MISSED = ("schedule-missed",)


def burst(site):
    """700 jobs at once; two workers need 100 s, and nobody need do anything."""
    site.redis()
    site.rq_workers("w21", "w22")
    site.feed("mail", 0.26, rate=2)
    site.watch()
    site.broke()
    site.publish("mail", 0.26, count=700)


def beat_dies(site):
    site.redis(celery=True)
    site.celery_workers("a")
    beat = site.start("beat", *site.celery("beat", "-l", "INFO"))
    site.watch(20)
    beat.kill()
    site.broke()


def rq_cron_dies(site):
    site.redis()
    site.rq_workers("w21")
    cron = site.start("cron", *site.rq("cron", "crontab.py", "--path", str(site.jobs)), RQ_REDIS_URL=site.url)
    site.watch(20)
    cron.kill()
    site.broke()


def scheduler_dead(site):
    """The one worker with a scheduler dies: what was scheduled stays, although it is due."""
    site.redis()
    [scheduler, _] = [
        *site.rq_workers("w21", options=["--with-scheduler"]),
        *site.rq_workers("w22"),
    ]
    site.feed("mail", 0.05, rate=2)
    site.feed("tick", rate=1, after=5)
    site.watch(8)
    scheduler.kill()
    site.broke()


def overload(site):
    """Twice as many mails as two workers can send."""
    site.redis()
    site.rq_workers("w21", "w22")
    feed = site.feed("mail", 0.2, rate=3)
    site.watch()
    feed.kill()
    site.broke()
    site.feed("mail", 0.2, rate=16)


INCIDENTS = [
    Incident(
        number="13",
        title="a burst of 700 jobs that drains in 100 s",
        stage=burst,
        should="quiet",
        never=("more workers",),
        within=40,
    ),
    Incident(
        number="15",
        title="Celery: beat dies",
        stage=beat_dies,
        should="tick last seen 20 s ago, usually every 2 s",
        causes=MISSED,
        words=(r"jobs\.tick", r"every 2"),
        within=22,
        one_shot=False,
    ),
    Incident(
        number="15b",
        title="RQ: rq cron dies",
        stage=rq_cron_dies,
        should="tick last seen 20 s ago, usually every 2 s",
        causes=MISSED,
        words=(r"jobs\.tick", r"every 2"),
        within=22,
        one_shot=False,
    ),
    Incident(
        number="31",
        title="RQ: the scheduler is dead",
        stage=scheduler_dead,
        should="10 scheduled jobs of mail are due and stay: no scheduler runs",
        causes=("schedule-late",),
        words=("mail", "schedule"),
        within=25,
    ),
    Incident(
        number="46",
        title="RQ: twice as many jobs arrive as workers can run",
        stage=overload,
        should="16/s arrive, 8/s leave: 2 more workers",
        causes=("queue-load",),
        states=("warning",),
        words=("mail", "worker"),
        within=45,
        proof_needs_time=True,
    ),
]
