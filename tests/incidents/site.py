"""The site of an incident: its servers, workers and publishers, and the monitor that watches them."""

import json
import os
import random
import sys
import time
import uuid
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

from msgspec.structs import replace
from redis import Redis

import logs
import rabbit
from incidents.processes import Program, wait_for
from slowtask.demo.rabbitmq.server import RabbitMQ
from slowtask.demo.server import Server

JOBS = Path(__file__).parent / "jobs"
SLOWTASK = (sys.executable, "-m", "slowtask")
INTERVAL = 1.0  #: seconds between two polls of the monitor
NORMAL_POLLS = 5  #: of normal traffic, before something breaks


class RestartableServer(Server):
    """A Redis that an incident may restart with other options."""

    @property
    def options(self):
        return self._options

    def __exit__(self, *_):
        """Kill it: one that can't save its data refuses to end."""
        if self._process:
            self._process.kill()
            self._process.wait()

    def start_unready(self):
        """Start it, and don't wait until it answers."""
        self._await_answer = lambda log: None
        self.__enter__()


class Site:
    """Everything that one incident starts, in *folder*; all of it ends with the `with` block."""

    def __init__(self, folder, shared):
        self.folder, self._shared, self.jobs = folder, shared, JOBS
        self.log = folder / "slowtask.ndjson"
        self.monitor_log = folder / "slowtask-monitor.ndjson"
        self.urls, self.settings = {}, {}
        self.broke_at = None
        self.facts = {}
        self._stack = ExitStack()
        self._count = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stack.close()

    # Servers

    def redis(self, *, celery=False, **options):
        """Start a Redis with a limit, as production has one; RQ uses it, or Celery."""
        options = {"maxmemory": "200mb", "maxmemory-policy": "noeviction"} | options
        server = self._stack.enter_context(RestartableServer(self.folder, **options))
        self.urls["celery_url" if celery else "redis_url"] = server.url
        return server

    def another_redis(self):
        """One that nobody watches."""
        folder = self.folder / "another"
        folder.mkdir()
        return self._stack.enter_context(Server(folder, maxmemory="200mb"))

    @property
    def url(self):
        """The broker's address."""
        return next(iter(self.urls.values()))

    def client(self):
        """A client of the Redis."""
        return self._stack.enter_context(Redis.from_url(self.url))

    def rabbitmq(self):
        """A virtual host of the RabbitMQ that all incidents share."""
        node = rabbit.shared_node(self._shared)
        name = f"incident-{uuid.uuid4().hex}"
        self.urls |= {"celery_url": node.add_vhost(name), "management_url": node.management}
        self._stack.callback(node.drop_vhost, name)
        return node

    def own_rabbitmq(self):
        """A RabbitMQ for an incident that hurts it."""
        folder = self.folder / "rabbitmq"
        folder.mkdir()
        node = self._stack.enter_context(RabbitMQ(folder, conf=rabbit.CONF))
        self.urls |= {"celery_url": node.url, "management_url": node.management}
        return node

    # Workers

    def rq_workers(self, *names, queues="mail", options=(), **variables):
        """Start an RQ worker for each of *names* that records its runs, and return when all listen."""
        found = [self._rq_worker(name, queues, options, variables) for name in names]
        with Redis.from_url(self.urls["redis_url"]) as client:
            keys = {f"rq:worker:{name}".encode() for name in names}
            wait_for(lambda: keys <= client.smembers("rq:workers"), f"RQ's workers {names}")
        return found

    def _rq_worker(self, name, queues, options, variables):
        command = self.rq("worker", "--url", self.urls["redis_url"], "--name", name)
        command += ["--job-class", "slowtask.rq.TimedJob", "--worker-class", "slowtask.rq.TimedWorker"]
        return self.start(name, *command, *options, *queues.split(), **variables)

    def celery_workers(self, *names, options=("-c", "2"), **variables):
        """Start a Celery worker for each of *names*, and return when all are ready."""
        command = self.celery("worker", "-l", "INFO", *options)
        started = [self.start(name, *command, "-n", f"{name}@shop", **variables) for name in names]
        wait_for(lambda: all(" ready." in each.tail() for each in started), f"Celery's workers {names}")
        return started

    def celery(self, *arguments):
        """A command of Celery."""
        return [sys.executable, "-m", "celery", "-A", "celery_jobs", *arguments]

    def rq(self, *arguments):
        """A command of RQ."""
        return [sys.executable, "-m", "rq.cli", *arguments]

    def at_end(self, end):
        """Call *end* when the incident is over."""
        self._stack.callback(end)

    def start(self, name, *command, **variables):
        """Start a program among the jobs."""
        environment = {key: text for key, text in os.environ.items() if not key.startswith("SLOWTASK")}
        environment |= {"PYTHONPATH": str(JOBS), "SLOWTASK_LOG": str(self.log)}
        environment |= {"BROKER": self.urls.get("celery_url", "")} | variables
        program = Program(name, command, self.folder, environment)
        self._stack.callback(program.kill)
        return program

    # Jobs

    def feed(self, task, *args, rate=0.0, count=0, queue="mail", **options):
        """Publish jobs of `jobs.<task>` at a steady pace, without end unless a *count* is given."""
        system = "rq" if "redis_url" in self.urls else "celery"
        order = {"system": system, "task": f"jobs.{task}", "args": args, "queue": queue}
        order |= {"rate": rate, "count": count, "options": options}
        self._count += 1
        url = self.urls["redis_url" if system == "rq" else "celery_url"]
        return self.start(
            f"feed-{self._count}", sys.executable, str(JOBS / "feed.py"), url, json.dumps(order)
        )

    def publish(self, task, *args, count=1, queue="mail", **options):
        """Publish *count* jobs, and return when they are there."""
        self.feed(task, *args, count=count, queue=queue, **options).process.wait()

    def history(self, count=300, system=None, tenants=(), **took):
        """Begin the log with runs at random within the last hour, of *tenants* in turn.

        *took* maps tasks to seconds.
        """
        now, chance = datetime.now(UTC), random.Random(1)
        runs = [
            replace(
                logs.made(task=f"jobs.{task}", took=seconds, number=number, queue="mail"),
                timestamp=now - timedelta(seconds=chance.uniform(60, 3600)),
                system=system,
                labels={"tenant": tenants[number % len(tenants)]} if tenants else None,
            )
            for task, seconds in took.items()
            for number in range(count, 0, -1)
        ]
        logs.written(self.log, runs)

    # The watch

    def watch(self, polls=NORMAL_POLLS):
        """Start the monitor, and return when it has seen so many polls of normal traffic."""
        self.monitor()
        wait_for(lambda: self.polls() >= polls, "the monitor's polls")

    def monitor(self, name="monitor"):
        """Start `slowtask monitor`."""
        settings = {"interval": INTERVAL, "log": str(self.folder / f"slowtask-{name}.ndjson")}
        settings |= {"runs": [str(self.log)]} | self.urls | self.settings
        path = self.folder / f"{name}.toml"
        path.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items()))
        return self.start(name, *SLOWTASK, "monitor", "--config", str(path))

    def polls(self):
        """How many polls the monitor has written."""
        lines = self.monitor_log.read_bytes().splitlines() if self.monitor_log.exists() else []
        return len({line.partition(b"event.id")[0] for line in lines if b'"slowtask.queue"' in line})

    def status_command(self, *options):
        """The command of one `slowtask status`."""
        urls = [part for name, url in self.urls.items() for part in (f"--{name.replace('_', '-')}", url)]
        runs = ["--runs", str(self.log)] if self.log.exists() else []
        return [*SLOWTASK, "status", *urls, *runs, *options]

    def broke(self):
        """Note that the incident begins now."""
        self.broke_at = time.time()

    @property
    def monitor_text(self):
        """What the monitor printed."""
        path = self.folder / "monitor.log"
        return path.read_text(errors="replace") if path.exists() else ""
