"""Incidents of workers that live and don't help: deaf, held, hoarding, serving others first."""

from incidents.incident import Incident
from incidents.traffic import DRAINS


def held_by(task):
    """Every worker runs *task*, which never ends and isn't in the log; mails wait behind."""

    def stage(site):
        site.redis()
        site.rq_workers("w21", "w22")
        site.feed("mail", 0.05, rate=6)
        site.watch()
        site.publish(task, count=2)
        site.broke()

    return stage


def celery_held(site):
    site.redis(celery=True)
    site.celery_workers("a")
    site.feed("mail", 0.05, rate=6)
    site.watch()
    site.publish("loop", count=2)
    site.broke()


def consumer_cancelled(site):
    site.celery_workers("a", "b")
    site.feed("mail", 0.05, rate=8)
    site.watch()
    site.broke()
    site.start("cancel", *site.celery("control", "cancel_consumer", "mail")).process.wait()


def cancelled_on_redis(site):
    site.redis(celery=True)
    consumer_cancelled(site)


def cancelled_on_rabbitmq(site):
    site.rabbitmq()
    consumer_cancelled(site)


def head_of_the_line(site):
    """Exports of 14 s come as fast as two workers can run them; short mails wait behind them."""
    site.redis()
    site.rq_workers("w21", "w22")
    site.feed("mail", 0.05, rate=4)
    site.watch()
    site.publish("export", 14, count=2)
    site.feed("export", 14, rate=1 / 7)
    site.broke()


def known_head_of_the_line(site):
    site.history(mail=0.05, export=14.0)
    head_of_the_line(site)


def hoarding(site):
    """c41 alone took a long task and four short ones; c42 came later and idles."""
    site.redis(celery=True)
    site.celery_workers("c41", options=("-c", "1"), PREFETCH="5")
    site.publish("mail", 0.05, count=20)
    site.watch()
    site.publish("export", 60)
    site.publish("mail", 0.05, count=4)
    site.celery_workers("c42", options=("-c", "1"), PREFETCH="5")
    site.broke()


def starving(site):
    """Both workers serve `high` first, which takes all their time; `low` starves."""
    site.redis()
    site.rq_workers("w21", "w22", queues="high low")
    site.feed("mail", 0.2, rate=3, queue="high")
    site.feed("mail", 0.05, rate=2, queue="low")
    site.watch()
    site.broke()
    site.feed("mail", 0.2, rate=9, queue="high")


def unconsumed_rabbitmq(site):
    """Tasks are sent to a queue that no worker consumes."""
    site.rabbitmq()
    site.celery_workers("a")
    site.feed("mail", 0.05, rate=4)
    site.watch()
    site.broke()
    site.feed("mail", 0.05, rate=2, queue="thumbs")


def hoarding_on_rabbitmq(site):
    """Without a limit c41 prefetched everything; c42 came later and idles."""
    site.rabbitmq()
    site.celery_workers("c41", options=("-c", "1"), PREFETCH="0")
    site.publish("mail", 0.05, count=10)
    site.watch()
    site.publish("mail", 1, count=300)
    site.celery_workers("c42", options=("-c", "1"), PREFETCH="1")
    site.broke()


def held_without_hooks(site):
    """Celery's own heartbeats tell how many tasks run, not which."""
    site.redis(celery=True)
    site.celery_workers("a", HOOKS="off")
    site.feed("mail", 0.05, rate=6)
    site.watch()
    site.publish("loop", count=2)
    site.broke()


INCIDENTS = [
    Incident(
        number="3",
        title="RQ: both workers in an endless loop",
        stage=held_by("loop"),
        should="jobs.loop on w22 for 3 min; both workers held",
        causes=("workers-held",),
        words=(r"jobs\.loop", "w2[12]|both|all|2 workers"),
        never=DRAINS,
        within=30,
    ),
    Incident(
        number="3b",
        title="RQ: both workers blocked on a socket",
        stage=held_by("blocked"),
        should="jobs.blocked on w22 for 3 min; both workers held",
        causes=("workers-held",),
        words=(r"jobs\.blocked",),
        never=DRAINS,
        within=30,
        rare=True,
    ),
    Incident(
        number="27",
        title="Celery: the whole pool in an endless loop",
        stage=celery_held,
        should="jobs.loop holds both slots of a",
        causes=("workers-held",),
        words=(r"jobs\.loop",),
        never=DRAINS,
        within=30,
    ),
    Incident(
        number="4",
        title="Celery on Redis: cancel_consumer",
        stage=cancelled_on_redis,
        should="celery@a lives but serves no queue",
        causes=("workers-not-consuming",),
        words=("a@shop", "mail"),
        states=("critical",),
        within=20,
    ),
    Incident(
        number="4b",
        title="Celery on RabbitMQ: cancel_consumer",
        stage=cancelled_on_rabbitmq,
        should="celery@a lives but serves no queue",
        causes=("workers-not-consuming",),
        words=("mail",),
        within=20,
    ),
    Incident(
        number="5",
        title="RQ: exports of 14 s at the head of the line, log cold",
        stage=head_of_the_line,
        should="export holds both workers; mail waits 60 s; one more worker or 2 of its own",
        causes=("workers-held", "queue-load"),
        words=(r"jobs\.export",),
        never=("5 more", "8 of its own", "OVER"),
        within=40,
        one_shot=False,
    ),
    Incident(
        number="5b",
        title="RQ: the same, times known from the log",
        stage=known_head_of_the_line,
        should="export holds both workers; mail waits 60 s; one more worker or 2 of its own",
        causes=("workers-held", "queue-load"),
        words=(r"jobs\.export",),
        never=("5 more", "8 of its own"),
        within=40,
        rare=True,
    ),
    Incident(
        number="6",
        title="Celery: four tasks prefetched behind a long one",
        stage=hoarding,
        should="4 tasks hoarded on c41 while c42 idles: prefetch 1",
        causes=("workers-hoard",),
        words=("c41", "c42", "prefetch"),
        states=("warning",),
        within=20,
    ),
    Incident(
        number="32",
        title="RQ: low starves behind high",
        stage=starving,
        should="low waits 30 s: high comes first and needs all workers",
        causes=("queue-starved",),
        words=("low", "high"),
        within=40,
    ),
    Incident(
        number="33",
        title="RabbitMQ: a queue without consumers",
        stage=unconsumed_rabbitmq,
        should="nobody consumes thumbs",
        causes=("workers-none", "workers-not-consuming"),
        words=("thumbs",),
    ),
    Incident(
        number="47",
        title="Celery on RabbitMQ: one worker prefetches everything",
        stage=hoarding_on_rabbitmq,
        should="290 tasks hoarded on c41 while c42 idles",
        causes=("workers-hoard",),
        words=("c41", "prefetch"),
        within=25,
    ),
    Incident(
        number="48",
        title="Celery without slowtask's hooks: the pool is held",
        stage=held_without_hooks,
        should="a runs 2 tasks, has finished none for 30 s, and mail waits",
        causes=("workers-held", "queue-stalled"),
        words=("mail|a@shop",),
        never=DRAINS,
        within=35,
        rare=True,
    ),
]
