"""The experiment: enqueue faster than workers work, into a Redis with little room, until it is full.

The published figures are of the blog post that began this project; the design tells them. What it didn't
look at comes after: whether the workers can still work the queue off.
"""

import importlib
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from slowtask.demo import tasks
from slowtask.demo.beside import Alarm, Beside, Step
from slowtask.demo.server import Server
from slowtask.demo.workers import Workers, require_rq
from slowtask.watch.broker.rq import Rq
from slowtask.watch.view import Watch

if TYPE_CHECKING:
    from redis import Redis
    from rq import Queue

ROOM: Final = 250 * 1024  #: bytes above what Redis and its busy workers use at most
RATE: Final = 10  #: jobs a second
WORKERS: Final = 2
WATCHED: Final = 20.0  #: seconds after the collapse, in which every running task ends
PATIENCE: Final = 10.0  #: seconds that a worker is given to start, or to fail
WARM_UP: Final = 40  #: jobs
LIMIT: Final = 20_000  #: jobs; never reached, but no loop is without end


@dataclass(frozen=True, slots=True, kw_only=True)
class Collapse:
    """What was measured, up to the error."""

    server: str  #: its name and version
    overhead: int  #: bytes that RQ itself added: workers, connections
    jobs: int  #: enqueued before the error
    job_bytes: float  #: bytes of one waiting job, by MEMORY USAGE, and its place in the queue
    seconds: float  #: from the first job to the error; at ten a second where it didn't wait
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Aftermath:
    """What the workers did with a Redis that is full, and no more jobs coming."""

    waiting: int  #: jobs still queued
    finished: int  #: jobs that finished after the collapse
    failed: int  #: jobs that RQ failed after the collapse
    stuck: int  #: jobs taken off the queue and never started
    alive: int  #: of the workers
    newcomer: str  #: what became of a worker started then


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """All of it."""

    collapse: Collapse
    alarms: tuple[Alarm, ...]  #: the first of each name, in order; all before the collapse
    aftermath: Aftermath

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)


def run(folder: Path, step: Step, *, fast: bool) -> Result:
    """Let a Redis of its own collapse; *step* is told what is going on. Raises `BrokerError`.

    *fast*: enqueue without waiting, instead of ten jobs a second.
    """
    require_rq()
    with Server(folder, **{"maxmemory-policy": "noeviction"}) as server, server.client() as redis:
        queue = importlib.import_module("rq").Queue(connection=redis)
        empty = used(redis)
        with Workers(folder, server.url, WORKERS) as workers:
            step("starting two workers")
            beside = Beside(partial(eyes, redis, server.url), RATE, fast=fast)
            overhead = warm_up(redis, queue, beside) - empty
            base = empty + overhead
            beside.begin((base + 0.8 * ROOM) / (base + ROOM))  # a Redis so small is full of itself
            redis.config_set("maxmemory", base + ROOM)
            collapse = fill(redis, queue, overhead, step, beside, fast=fast)
            step("full: what do the workers do now?")
            aftermath = watch(folder, redis, workers)
    return Result(collapse=collapse, alarms=beside.told(before=collapse.seconds), aftermath=aftermath)


def eyes(redis: "Redis", url: str) -> Watch:
    """A monitor's, on few jobs: what its connection takes counts for much in a Redis so small."""
    return Watch(Rq(redis, url), seen=20, keys=0)


def fill(  # noqa: PLR0913 - what it fills, and who looks on
    redis: "Redis", queue: "Queue", overhead: int, step: Step, beside: Beside, *, fast: bool
) -> Collapse:
    """Enqueue mails until Redis refuses one."""
    start = time.monotonic()
    jobs, error = 0, ""
    for jobs, error in enqueued(queue, fast=fast):
        if not error:
            beside.poll(jobs)
            step(f"{jobs} jobs enqueued, {used_share(redis):.0%} of the memory used")
    seconds = jobs / RATE if fast else time.monotonic() - start
    return Collapse(
        server=server_name(redis),
        overhead=overhead,
        jobs=jobs,
        job_bytes=sampled_bytes(redis),
        seconds=seconds,
        error=error,
    )


def enqueued(queue: "Queue", *, fast: bool) -> Iterator[tuple[int, str]]:
    """How many jobs are enqueued, and the error that ended it, each second's worth of jobs."""
    refused = importlib.import_module("redis.exceptions").ResponseError
    start = time.monotonic()
    for jobs in range(LIMIT):
        try:
            queue.enqueue(tasks.send_mail, "elon")
        except refused as error:
            yield jobs, str(error)
            return
        if jobs % RATE == 0:
            yield jobs, ""
        if not fast:
            time.sleep(max(0.0, start + (jobs + 1) / RATE - time.monotonic()))


def watch(folder: Path, redis: "Redis", workers: Workers) -> Aftermath:
    """Look on while the tasks that run come to their end."""
    before = registered(redis)
    end = time.monotonic() + WATCHED
    while time.monotonic() < end and workers.alive():
        time.sleep(0.2)
    after = registered(redis)
    alive = workers.alive()
    newcomer = try_another(folder, workers)
    return Aftermath(
        waiting=after["queue"],
        finished=after["finished"] - before["finished"],
        failed=after["failed"] - before["failed"],
        stuck=after["stuck"],
        alive=alive,
        newcomer=newcomer,
    )


def try_another(folder: Path, workers: Workers) -> str:
    """What becomes of one more worker."""
    worker = workers.start("newcomer.log")
    end = time.monotonic() + PATIENCE
    while worker.poll() is None and time.monotonic() < end:
        time.sleep(0.1)
    if worker.poll() is None:
        return "started"
    lines = (folder / "newcomer.log").read_text(errors="replace").split("\n")
    said = next((line.strip() for line in reversed(lines) if "Error" in line), "")
    return f"exit status {worker.returncode}" + (f": {said}" if said else "")


def registered(redis: "Redis") -> dict[str, int]:
    """How many jobs are where; by commands that change nothing."""
    queue = "rq:queue:default"
    return {
        "queue": int(redis.llen(queue)),
        "stuck": int(redis.llen(f"{queue}:intermediate")),
        "finished": int(redis.zcard("rq:finished:default")),
        "failed": int(redis.zcard("rq:failed:default")),
    }


def warm_up(redis: "Redis", queue: "Queue", beside: Beside) -> int:
    """Let the workers run a few jobs, looked at from *beside*; the most bytes that Redis used meanwhile.

    A connection's buffers come and go with each job: taken for room, they would end the experiment early.
    """
    for _ in range(WARM_UP):
        queue.enqueue(tasks.simple_task)
    most, end = used(redis), time.monotonic() + PATIENCE
    while redis.zcard("rq:finished:default") < WARM_UP and time.monotonic() < end:
        beside.poll(0)
        most = max(most, used(redis))
    return most


def used(redis: "Redis") -> int:
    """Bytes that Redis has in use."""
    return int(redis.info("memory")["used_memory"])


def used_share(redis: "Redis") -> float:
    """Of the memory that it may use, 0 to 1."""
    memory = redis.info("memory")
    return float(memory["used_memory"] / memory["maxmemory"])


def sampled_bytes(redis: "Redis") -> float:
    """Bytes of a job that waits: its hash, by MEMORY USAGE of a few, and its share of the list."""
    queue = "rq:queue:default"
    jobs = cast("list[bytes]", redis.lrange(queue, 0, 19))
    if not jobs:
        return 0.0
    hashes = [redis.memory_usage(b"rq:job:" + job) or 0 for job in jobs]
    return sum(hashes) / len(hashes) + (redis.memory_usage(queue) or 0) / redis.llen(queue)


def server_name(redis: "Redis") -> str:
    """`Redis 7.0.15`, `Valkey 9.1.2`."""
    server = redis.info("server")
    if "valkey_version" in server:
        return f"Valkey {server['valkey_version']}"
    return f"Redis {server['redis_version']}"
