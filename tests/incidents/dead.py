"""Incidents of workers: killed, frozen, gone, on the wrong queue."""

from incidents.incident import Incident
from incidents.processes import wait_for
from incidents.traffic import DEAD, DRAINS, NOBODY, kill_all

NONE = ("workers-none",)


def rq_killed(site):
    site.redis()
    workers = site.rq_workers("w21", "w22")
    site.feed("mail", 0.05, rate=8)
    site.watch()
    kill_all(workers)
    site.broke()


def celery_killed(site, **variables):
    workers = site.celery_workers("a", "b", **variables)
    site.feed("mail", 0.05, rate=8)
    site.watch()
    kill_all(workers)
    site.broke()


def celery_on_redis_killed(site):
    site.redis(celery=True)
    celery_killed(site)


def celery_on_rabbitmq_killed(site):
    site.rabbitmq()
    celery_killed(site)


def on_redis(stage):
    """*stage* with a Redis for RQ."""

    def staged(site):
        site.redis()
        stage(site)

    return staged


def freeze(site, workers, count=None):
    """Freeze *count* of *workers*, else all: only their main processes, as a debugger or a full pipe does."""
    site.feed("mail", 0.05, rate=8)
    site.watch()
    for each in workers[:count]:
        each.freeze()
    site.broke()


def rq_frozen(site):
    freeze(site, site.rq_workers("w21", "w22"))


def one_rq_frozen(site):
    freeze(site, site.rq_workers("w21", "w22", "w23"), 1)


def celery_frozen(site):
    site.redis(celery=True)
    freeze(site, site.celery_workers("a", "b"))


def one_celery_frozen(site):
    site.redis(celery=True)
    freeze(site, site.celery_workers("a", "b"), 1)


def celery_on_rabbitmq_frozen(site):
    site.rabbitmq()
    freeze(site, site.celery_workers("a", "b"))


def one_queue_unserved(site):
    site.redis()
    site.rq_workers("w21")
    thumbs = site.rq_workers("w31", queues="thumbs")
    site.feed("mail", 0.05, rate=4)
    site.feed("mail", 0.05, rate=4, queue="thumbs")
    site.watch()
    kill_all(thumbs)
    site.broke()


def misspelt_queue(site):
    """A deployment starts its workers on `mial`."""
    site.redis()
    old = site.rq_workers("w21", "w22")
    site.feed("mail", 0.05, rate=4)
    site.watch()
    for each in old:
        each.terminate()
    site.broke()
    site.rq_workers("w31", "w32", queues="mial")


def burst_workers_end(site):
    """Workers of `rq worker --burst` have ended well: nobody serves the queue until they start again."""
    site.redis()
    site.publish("mail", 0.2, count=20)
    site.rq_workers("w21", options=["--burst"])
    site.watch()
    site.broke()
    site.feed("mail", 0.05, rate=4)


def one_of_two_dead(site):
    site.redis()
    workers = site.rq_workers("w21", "w22")
    site.feed("mail", 0.05, rate=4)
    site.watch()
    kill_all(workers[:1])
    site.broke()


def orphans(site):
    """Only the main processes are killed: their work-horses go on, and keep the connections open."""
    site.redis()
    workers = site.rq_workers("w21", "w22")
    site.history(mail=0.05, export=25.0)
    site.feed("mail", 0.05, rate=4)
    site.watch()
    site.publish("export", 25, count=2)
    wait_for(lambda: all(each.children() for each in workers), "both work-horses")
    for each in workers:
        each.process.kill()
    site.broke()


def without_hooks(site):
    site.redis(celery=True)
    celery_killed(site, HOOKS="off")


def dead_before_the_monitor(site):
    """The monitor is started when all is over already: by the colleague who was woken."""
    site.redis()
    workers = site.rq_workers("w21", "w22")
    site.publish("mail", 0.05, count=20)
    kill_all(workers)
    site.feed("mail", 0.05, rate=4)
    site.broke()
    site.monitor()


def one_broker_of_two(site):
    """RQ and Celery are watched; Celery's Redis is gone."""
    site.redis()
    site.rq_workers("w21")
    site.feed("mail", 0.05, rate=4)
    other = site.another_redis()
    site.urls["celery_url"] = other.url
    site.watch()
    site.broke()
    other.__exit__()


INCIDENTS = [
    Incident(
        number="1",
        title="RQ: all workers killed, jobs keep coming",
        stage=rq_killed,
        should="no live worker on mail: nothing leaves, the oldest waits 15 s",
        causes=DEAD,
        states=("critical",),
        words=NOBODY,
        never=DRAINS,
    ),
    Incident(
        number="1b",
        title="Celery on Redis: all workers killed",
        stage=celery_on_redis_killed,
        should="no live worker on mail: nothing leaves, the oldest waits 15 s",
        causes=DEAD,
        states=("critical",),
        words=NOBODY,
        never=DRAINS,
    ),
    Incident(
        number="1c",
        title="Celery on RabbitMQ: all workers killed",
        stage=celery_on_rabbitmq_killed,
        should="no live worker on mail: nothing leaves",
        causes=DEAD,
        states=("critical",),
        words=NOBODY,
        never=DRAINS,
    ),
    Incident(
        number="2",
        title="RQ: all workers frozen",
        stage=on_redis(rq_frozen),
        should="w21 and w22 silent for 20 s, mail isn't served",
        causes=DEAD,
        states=("critical",),
        words=("w21", "mail"),
        never=DRAINS,
        within=25,
    ),
    Incident(
        number="2b",
        title="RQ: one worker of three frozen",
        stage=on_redis(one_rq_frozen),
        should="w21 silent for 20 s",
        causes=("workers-silent",),
        words=("w21",),
        never=DRAINS,
        within=25,
    ),
    Incident(
        number="2c",
        title="Celery on Redis: all workers frozen",
        stage=celery_frozen,
        should="a and b silent for 20 s, mail isn't served",
        causes=(*DEAD, "queue-stalled"),  # one look has never heard them
        states=("critical",),
        words=("mail",),
        never=DRAINS,
        within=25,
    ),
    Incident(
        number="2d",
        title="Celery on Redis: one worker of two frozen",
        stage=one_celery_frozen,
        should="a silent for 20 s",
        causes=("workers-silent",),
        words=("a@shop",),
        within=25,
        one_shot=False,
        rare=True,
    ),
    Incident(
        number="2e",
        title="Celery on RabbitMQ: all workers frozen",
        stage=celery_on_rabbitmq_frozen,
        should="a and b silent for 20 s",
        causes=DEAD,
        words=("silent|no (live )?worker",),
        within=25,
        one_shot=False,
        rare=True,
    ),
    Incident(
        number="21",
        title="RQ: the workers of one of two queues are dead",
        stage=one_queue_unserved,
        should="no live worker on thumbs; mail is fine",
        causes=DEAD,
        states=("critical",),
        words=("thumbs", "no (live )?worker"),
        never=(r"no (live )?worker\w* on mail",),
    ),
    Incident(
        number="22",
        title="RQ: workers were started on a misspelt queue",
        stage=misspelt_queue,
        should="no worker serves mail; w31 and w32 serve mial, which nobody fills",
        causes=("workers-not-consuming",),
        states=("critical",),
        words=("mail", "no (live )?worker", "mial"),
        never=DRAINS,
    ),
    Incident(
        number="23",
        title="RQ: burst workers have ended",
        stage=burst_workers_end,
        should="no worker serves mail",
        causes=NONE,
        states=("critical",),
        words=("mail", "no (live )?worker"),
        never=DRAINS,
    ),
    Incident(
        number="24",
        title="RQ: one worker of two killed",
        stage=one_of_two_dead,
        should="w21 is gone; w22 keeps up alone",
        causes=("workers-silent",),
        states=("warning",),
        words=("w21",),
    ),
    Incident(
        number="25",
        title="RQ: main processes killed, work-horses go on",
        stage=orphans,
        should="no live worker on mail",
        causes=DEAD,
        words=("mail",),
        never=DRAINS,
        within=45,
        one_shot=False,
        rare=True,
    ),
    Incident(
        number="26",
        title="Celery without slowtask's hooks: all workers killed",
        stage=without_hooks,
        should="no live worker on mail",
        causes=DEAD,
        states=("critical",),
        words=("no (live )?worker", "mail"),
    ),
    Incident(
        number="49",
        title="RQ: the monitor is started after all workers died",
        stage=dead_before_the_monitor,
        should="no live worker on mail",
        causes=DEAD,
        states=("critical",),
        words=NOBODY,
        never=DRAINS,
        within=20,
    ),
    Incident(
        number="50",
        title="one broker of two is gone",
        stage=one_broker_of_two,
        should="Celery's Redis can't be reached; RQ's is fine",
        causes=("broker-unseen",),
        states=("critical",),
        within=10,
        one_shot=False,
    ),
]
