"""What the pages of `slowtask serve` are shown with: three days of a shop's runs, and a broker in trouble."""

import math
import random
from datetime import UTC, datetime, timedelta

import msgspec

from logs import line
from slowtask.record import event, sample
from slowtask.watch.broker import Memory, Owner, Poll, Queue, Running, Unacknowledged, Waiting, Worker
from slowtask.watch.judge import Typical
from slowtask.watch.view import Watch

END = datetime(2026, 11, 26, 14, 0, tzinfo=UTC)
DAYS = 3
RELEASE = END - timedelta(hours=20)  #: version 1.5 renders invoices 1.6 times as slowly
QUEUES = ("default", "mail", "reports")
ERRORS = {
    "smtplib.SMTPServerDisconnected": "Connection unexpectedly closed after {} s",
    "requests.exceptions.ReadTimeout": "api.example.org: read timed out (order {})",
    "ValueError": "invoice {} has no lines",
}
#: Of each task: its queue, how often it runs, its median in seconds, and the share of it that is computing.
TASKS = {
    "shop.invoices.render_pdf": ("reports", 14, 2.4, 0.9),
    "shop.mail.send": ("mail", 40, 0.32, 0.06),
    "shop.images.resize": ("default", 18, 0.8, 0.95),
    "shop.search.index_product": ("default", 24, 0.22, 0.4),
    "shop.reports.monthly_sales": ("reports", 1, 34.0, 0.7),
    "shop.stock.sync_warehouse": ("default", 6, 1.9, 0.1),
    "shop.payments.capture": ("default", 12, 0.55, 0.05),
    "shop.feeds.import_catalog": ("reports", 1.5, 9.0, 0.5),
    "shop.mail.send_newsletter": ("mail", 8, 0.4, 0.08),
    "shop.orders.confirm": ("default", 16, 0.05, 0.3),
    "shop.sessions.purge": ("default", 2, 0.6, 0.2),
    "shop.customers.export": ("reports", 0.7, 6.0, 0.6),
}


def write(path, runs=6000):
    """Write the log at *path*: *runs* of it, in order of time."""
    chance = random.Random(7)
    begin = END - timedelta(days=DAYS)
    path.write_bytes(
        b"".join(
            line(make_run(chance, number, begin + timedelta(days=DAYS * number / runs))) + b"\n"
            for number in range(runs)
        )
    )
    return path


def rush(time):
    """How much is going on at *time*: most at noon, and a rush in the last night."""
    hour = time.hour + time.minute / 60
    late = (END - time).total_seconds() / 3600
    return 1.2 + math.sin((hour - 6) * math.pi / 12) + 4 * math.exp(-(((late - 9) / 1.2) ** 2))


def make_run(chance, number, time):
    """One run."""
    [task] = chance.choices(list(TASKS), [often for _, often, _, _ in TASKS.values()])
    queue, _, median, computing = TASKS[task]
    version = "1.5" if time >= RELEASE else "1.4"
    slow = 1.6 if version == "1.5" and task == "shop.invoices.render_pdf" else 1.0
    took = slow * median * math.exp(chance.gauss(0, 0.35)) * (9 if chance.random() < 0.01 else 1)
    error = chance.choice(list(ERRORS)) if chance.random() < (0.05 if queue == "mail" else 0.008) else None
    killed = task == "shop.reports.monthly_sales" and chance.random() < 0.06
    host = chance.choice(("web-1", "web-2", "web-3"))
    return event.Run(
        timestamp=time.replace(microsecond=chance.randrange(1_000_000)),
        id=f"{number:032x}",
        dataset=event.DATASET,
        duration=int(1e9 * took),
        outcome="failure" if error or killed else "success",
        action="killed" if killed else "failed" if error else "finished",
        reason="signal 9" if killed else None,
        task=task,
        task_id=f"{chance.getrandbits(64):016x}",
        attempt=1 if chance.random() < 0.97 else 2,
        wait=int(1e9 * chance.expovariate(1 / (0.8 * rush(time) ** 2 * (1 + QUEUES.index(queue))))),
        cpu=None if killed else int(1e9 * took * computing),
        memory=int(1e6 * (40 + 30 * median**0.5 + chance.random() * 20)),
        queue=queue,
        system="rq",
        worker=f"{host}-{chance.randrange(1, 3)}",
        host=host,
        service="shop",
        version=version,
        error=error,
        message=error and ERRORS[error].format(chance.randrange(10, 9999)),
        trace=f"{chance.getrandbits(128):032x}",
    )


def alerts():
    """What the monitor said in the rush."""
    found = (
        (9.4, "broker-capacity", "warning", None, None, "redis://queue:6379 is 81 % full."),
        (
            9.2,
            "queue-growing",
            "critical",
            "reports",
            None,
            "reports: 412 jobs wait, more and more.",
        ),
        (
            9.1,
            "queue-late",
            "critical",
            "reports",
            "queue-growing",
            "reports: the first job has waited 4m 12s.",
        ),
        (7.9, "queue-late", "ok", "reports", None, "reports: the first job has waited 2.0 s."),
        (7.8, "queue-growing", "ok", "reports", None, "reports: 3 jobs wait."),
    )
    return [
        sample.Alert(
            timestamp=END - timedelta(hours=hours), id=f"{place:032x}", dataset="slowtask.alert", name=name,
            state=state, queue=queue, cause=cause, message=message,
        )
        for place, (hours, name, state, queue, cause, message) in enumerate(found)
    ]  # fmt: skip


def samples():
    """The monitor's samples of the three days, as lines."""
    for number in range(DAYS * 48):
        time = END - timedelta(days=DAYS) + timedelta(minutes=30 * number)
        level = rush(time)
        for place, queue in enumerate(QUEUES):
            yield sample.QueueSample(
                timestamp=time, id=f"{number:030x}{place:02x}", dataset=sample.QUEUE_DATASET, queue=queue,
                system="rq", depth=int(4 * level**2.2 * (1 + place)), running=2, workers=4, busy=2,
                arrivals=int(20 * level), departures=int(19 * level), interval=30 * 10**9, failed=place,
                oldest=int(1e9 * level**3), load=0.2 * level, verdict="warning" if level > 4 else "ok",
            )  # fmt: skip
        yield sample.BrokerSample(
            timestamp=time, id=f"{number:032x}", dataset=sample.QUEUE_DATASET, system="rq",
            name="redis://queue:6379", capacity=min(0.97, 0.22 + 0.11 * level), limit="memory",
        )  # fmt: skip


def write_monitor(path):
    """Write the monitor's log at *path*."""
    records = sorted([*samples(), *alerts()], key=lambda each: each.timestamp)
    path.write_bytes(b"".join(msgspec.json.encode(each) + b"\n" for each in records))
    return path


class Shelf:
    """A broker whose queue `reports` fills, as at the end of the rush."""

    system = "rq"
    name = "redis://queue:6379"

    def __init__(self, *, trouble):
        self.polls = 0
        self.trouble = trouble

    def poll(self, tails):
        """Half a minute later each time."""
        self.polls += 1
        grown = self.polls * 30 if self.trouble else 0
        now = int(END.timestamp() * 1e6) + self.polls * 30_000_000
        idle = (6, 8) if self.trouble else (3, 4, 6, 8)
        finished, used = (
            self.polls * 12,
            int((4.9e8 if self.trouble else 2e8) + grown * 1e5 + 2e6 * (self.polls % 2)),
        )
        return Poll(
            time=now,
            system="rq",
            name=self.name,
            queues=[
                Queue(
                    name="reports", depth=272 + grown if self.trouble else 2, running=4, failed=6, workers=4,
                    busy=4 if self.trouble else 2, scheduled=0, deferred=0, rates=(1.4, 0.4),
                    oldest=(300 + grown if self.trouble else 1) * 10**9,
                ),
                Queue(
                    name="mail", depth=12, running=1, failed=31, workers=2, busy=1, scheduled=4, deferred=0,
                    oldest=1_900_000_000, rates=(2.1, 2.1),
                ),
                Queue(
                    name="default", depth=0, running=2, failed=2, workers=4, busy=2, scheduled=0, deferred=0,
                    rates=(4.8, 4.8),
                ),
            ],
            workers=[
                Worker(
                    name=f"{host}-{place}", queues=(queue,), busy=int(place not in idle),
                    finished=finished, heard=now, born=now - 9 * 3_600_000_000,
                )
                for place, (host, queue) in enumerate(
                    [("web-1", "reports"), ("web-2", "reports"), ("web-2", "reports"), ("web-3", "reports"),
                     ("web-1", "mail"), ("web-3", "mail"), ("web-1", "default"), ("web-3", "default")], 1,
                )
            ],
            memory=Memory(used=used, limit=600_000_000, policy="noeviction"),
            unacknowledged=Unacknowledged(count=7, oldest=312 * 10**9),
        )  # fmt: skip

    def waiting(self, queue, max_jobs):
        """What waits."""
        tasks = {
            "reports": {"shop.invoices.render_pdf": 240, "shop.reports.monthly_sales": 61 * self.trouble},
            "mail": {"shop.mail.send": 12},
        }.get(queue, {})
        count = sum(tasks.values())
        return Waiting(queue=queue, depth=count, sampled=count, tasks=tasks)

    def running(self, queues):
        """What runs."""
        jobs = (("shop.reports.monthly_sales", "reports", 312), ("shop.invoices.render_pdf", "reports", 5),
                ("shop.images.resize", "default", 1))  # fmt: skip
        now = int(END.timestamp() * 1e6) + self.polls * 30_000_000
        jobs = jobs if self.trouble else jobs[1:]
        return [
            Running(
                id=f"job-{place}", queue=queue, task=task, worker=f"web-{place}-{place}",
                started=now - since * 1_000_000, heartbeat=now,
            )
            for place, (task, queue, since) in enumerate(jobs, 1)
        ]  # fmt: skip

    def owners(self, keys):
        """Who holds the memory."""
        return [Owner(name="queued jobs", share=0.71), Owner(name="results", share=0.24)]


def watch(*, trouble=True):
    """The view of a broker that was polled six times."""
    typical = {
        task: Typical(mean=1.2 * median, p99=2.5 * median, count=500)
        for task, (_, _, median, _) in TASKS.items()
    }
    watched = Watch(Shelf(trouble=trouble), typical=lambda: typical)
    return [watched.poll() for _ in range(6)][-1]
