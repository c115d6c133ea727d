"""Documents for every panel to show: a day of runs, hours of samples, alerts, lines that can't be read."""

import random
from datetime import UTC, datetime, timedelta

import msgspec

from slowtask.record import event, sample

END = datetime(2026, 11, 7, 9, tzinfo=UTC)
DAY = timedelta(days=1)
#: task, queue, how often, its usual seconds, how often it fails
TASKS = (
    ("shop.jobs.send_mail", "default", 40, 4.0, 0.05),
    ("shop.jobs.render_invoice", "default", 12, 30.0, 0.0),
    ("shop.jobs.resize", "media", 60, 0.2, 0.02),
    ("shop.jobs.index", "default", 25, 0.02, 0.0),
    ("shop.jobs.export_catalog", "media", 3, 600.0, 0.3),
    ("shop.jobs.ping", "default", 20, 0.004, 0.0),
)
#: How an attempt that failed may have ended.
ENDINGS = (
    {"action": "failed", "error": "ValueError", "message": "no such order"},
    {"action": "failed", "error": "smtplib.SMTPServerDisconnected", "message": "Connection closed"},
    {"action": "retried", "error": "TimeoutError", "message": "the other side is gone"},
    {"action": "timed-out", "error": "rq.timeouts.JobTimeoutException"},
    {"action": "killed", "reason": "signal 9"},
    {"action": "abandoned"},
)
SECOND = event.SECOND
RELEASES = ("1.4.2", "1.5.0")
SLOWER = "shop.jobs.render_invoice"  # in the newer release: each run takes twice as long


def documents(count=1500):
    """The documents of each dataset: `{"logs-slowtask.run": [...], …}`, each with its `event.id`."""
    chance = random.Random(7)
    today = [*runs(chance, count)]
    return {
        "logs-slowtask.run": [*map(event.fields, [*today, *map(week_before, today)])],
        "metrics-slowtask.queue": [*map(line, samples(chance))],
        "logs-slowtask.alert": [*map(line, alerts())],
        "logs-slowtask.unparsed": [*map(line, unparsed())],
    }


def line(record):
    """What is sent of a record that isn't a run. The dataset is its default, which msgspec leaves out."""
    return msgspec.to_builtins(record) | {"event.dataset": record.dataset}


def runs(chance, count):
    """Runs of all tasks and outcomes, from both a slowtask worker's lines and plainer logs."""
    weights = [often for _, _, often, _, _ in TASKS]
    for number, (task, queue, _, usual, fails) in enumerate(chance.choices(TASKS, weights, k=count)):
        took = round(SECOND * usual * chance.lognormvariate(0, 0.8))
        end = END - DAY * chance.random()
        failed = chance.random() < fails
        ending = chance.choice(ENDINGS) if failed else {"action": "finished"}
        yield event.Run(
            timestamp=end, id=event.identity(f"run {number}"), dataset=event.DATASET,
            start=end - timedelta(microseconds=took // 1000), duration=took,
            outcome="failure" if failed else "success", task=task, task_id=f"job-{number}", attempt=1,
            wait=round(SECOND * chance.expovariate(0.1)), cpu=took // 3,
            memory=chance.randrange(60, 900) * 2**20,
            queue=queue, system="rq", worker=f"worker-{number % 4}", host=f"app-{number % 2}", pid=4001,
            service=("shop", "shop-admin")[number % 2], version=RELEASES[1],
            environment="live", **ending,
        )  # fmt: skip


def week_before(run):
    """The same run a week earlier, by the release of that time."""
    return msgspec.structs.replace(
        run,
        id=event.identity(f"{run.id} a week before"),
        timestamp=run.timestamp - 7 * DAY,
        start=run.start - 7 * DAY,
        duration=run.duration // 2 if run.task == SLOWER else run.duration,
        version=RELEASES[0],
    )


def samples(chance):
    """Every half minute: two queues, one of which its workers don't keep up with, and the Redis they fill."""
    for step in range(360):
        time, waiting = END - timedelta(seconds=30 * (360 - step)), 40 * step + chance.randrange(20)
        for queue, depth, busy, load in (
            ("default", waiting, 10, 2.4),
            ("media", chance.randrange(9), 3, 0.7),
        ):
            yield sample.QueueSample(
                dataset=sample.QUEUE_DATASET,
                timestamp=time, id=event.identity(f"{queue} {step}"), queue=queue, system="rq",
                depth=depth,
                running=busy, scheduled=3, deferred=1, failed=step // 10, workers=busy + 1,
                busy=busy, arrivals=chance.randrange(300, 400), departures=chance.randrange(150, 250),
                interval=30 * SECOND, oldest=depth * SECOND // 12, load=load,
                **verdict(queue == "default", "queue-load", time, step),
            )  # fmt: skip
        used = 200_000_000 + waiting * 548
        yield sample.BrokerSample(
            dataset=sample.QUEUE_DATASET,
            timestamp=time, id=event.identity(f"broker {step}"), system="redis",
            name="redis://queue:6379",
            policy="noeviction", memory_used=used, memory_max=250_000_000, capacity=used / 250_000_000,
            limit="memory", full_in=round(SECOND * (250_000_000 - used) / 700),
            **verdict(step > 300, "broker-full-soon", time, step - 300),
        )  # fmt: skip


def verdict(wrong, cause, time, steps):
    """That of a sample, for so many *steps*."""
    if not wrong:
        return {"verdict": "ok"}
    return {"verdict": "critical", "cause": cause, "since": time - timedelta(seconds=30 * steps)}


def alerts():
    """One of a broker, and one of a queue with the task to blame."""
    for number, (name, state, value, threshold, queue, task) in enumerate(
        (
            ("broker-capacity", "warning", 0.7, 0.7, None, None),
            ("broker-capacity", "critical", 0.81, 0.8, None, None),
            ("broker-full-soon", "warning", 900.0, 900.0, None, None),
            ("broker-full-soon", "warning", 300.0, 900.0, None, None),
            ("queue-load", "critical", 2.4, 1.0, "default", "shop.jobs.send_mail"),
            ("queue-load", "ok", 0.9, 1.0, "default", None),
        )
    ):
        yield sample.Alert(
            dataset=sample.ALERT_DATASET,
            timestamp=END - timedelta(minutes=40 - number),
            id=event.identity(f"alert {number}"), name=name,
            state=state, value=value, threshold=threshold, queue=queue, task=task,
            message=f"{name} is {state}",
        )  # fmt: skip


def unparsed():
    """Lines of which no run could be made."""
    for number in range(3):
        yield sample.Unparsed(
            dataset=sample.UNPARSED_DATASET,
            timestamp=END - timedelta(hours=number, minutes=1),
            id=event.identity(f"line {number}"),
            reason="wrong value", original='{"task.name": 3}', detail="task.name: Expected `str`",
            path="/var/log/shop/slowtask.ndjson",
                        offset=1000 * number, host="app-0",
        )  # fmt: skip
