"""The experiment on Redis: enqueue faster than workers work, until a Redis with little memory is full.

This repeats the experiment of the blog post that began this project. It then goes on to what the post didn't
try: whether the workers can still drain the queue.
"""

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from slowtask.demo import tasks
from slowtask.demo.beside import Alert, MonitorBeside, Step
from slowtask.demo.server import Server
from slowtask.demo.workers import Workers, require_rq
from slowtask.errors import BrokerError
from slowtask.watch.broker.rq import Rq
from slowtask.watch.view import Watch

if TYPE_CHECKING:
    from redis import Redis
    from rq import Queue

ROOM: Final = 250 * 1024  #: bytes above what Redis and its busy workers use at most
RATE: Final = 10  #: jobs a second
WORKERS: Final = 2
AFTERMATH_TIME: Final = 20.0  #: seconds after the collapse; enough for every running task to end
WORKER_TIMEOUT: Final = 60.0  #: seconds that a worker may take to start or to fail, also on a busy machine
WARM_UP_JOBS: Final = 40
MAX_JOBS: Final = 20_000  #: never reached; only ends the loop
CAPACITY: Final = 0.8  #: critical from this share of the room
SAMPLED_JOBS: Final = 20  #: whose memory is measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Collapse:
    """What was measured until Redis refused a job."""

    server: str  #: its name and version
    overhead: int  #: bytes that RQ itself uses: workers, connections
    jobs: int  #: enqueued before the error
    job_bytes: float  #: of a waiting job, by MEMORY USAGE, and of its place in the queue
    seconds: float  #: from the first job to the error; with *fast*, as if at ten a second
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Aftermath:
    """What the workers could do while Redis was full and no more jobs were added."""

    waiting: int  #: jobs still queued
    finished: int  #: jobs that finished after the collapse
    failed: int  #: jobs that RQ failed after the collapse
    stuck: int  #: jobs that left the queue and never started
    alive: int  #: workers
    newcomer: str  #: what happened to a worker started then


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The result of the experiment."""

    collapse: Collapse
    alarms: tuple[Alert, ...]  #: the first alert of each name before the collapse, in order
    aftermath: Aftermath

    def plain(self) -> dict[str, Any]:
        """The result for JSON."""
        return asdict(self)


def run(folder: Path, step: Step, *, fast: bool) -> Result:
    """Fill a temporary Redis until it refuses a job, and see what the workers do then.

    Args:
        folder: For the files of the server and the workers.
        step: Is called with a sentence about what is going on.
        fast: Whether to enqueue without waiting, instead of ten jobs a second.

    Raises:
        BrokerError: If Redis or its workers don't start.
    """
    require_rq()
    from rq import Queue

    with Server(folder, **{"maxmemory-policy": "noeviction"}) as server, server.client() as redis:
        queue = Queue(connection=redis)
        empty = used_memory(redis)
        with Workers(folder, server.url, WORKERS) as workers:
            step("Starting two workers.")
            monitor = MonitorBeside(partial(make_watch, redis, server.url), RATE, fast=fast)
            overhead = warm_up(redis, queue, monitor) - empty
            base = empty + overhead
            # Most of such a small Redis is used at rest: only the room for jobs counts.
            monitor.begin((base + CAPACITY * ROOM) / (base + ROOM))
            redis.config_set("maxmemory", base + ROOM)
            collapse = fill(redis, queue, overhead, step, monitor, fast=fast)
            step("Redis is full. What can the workers still do?")
            aftermath = watch_workers(folder, redis, workers)
    return Result(collapse=collapse, alarms=monitor.alerts_before(collapse.seconds), aftermath=aftermath)


def make_watch(redis: "Redis", url: str) -> Watch:
    """Make the monitor's watch; it reads few jobs at a time, as its buffers count in such a small Redis."""
    return Watch(Rq(redis, url), max_jobs=20, max_keys=0)


def fill(  # noqa: PLR0913 - the broker, the monitor and the pace
    redis: "Redis", queue: "Queue", overhead: int, step: Step, monitor: MonitorBeside, *, fast: bool
) -> Collapse:
    """Enqueue mails until Redis refuses one."""
    start = time.monotonic()
    jobs, error = 0, ""
    for jobs, error in enqueue_mails(queue, fast=fast):
        if not error:
            monitor.poll(jobs)
            step(f"{jobs} jobs enqueued, {used_share(redis):.0%} of the memory used.")
    seconds = jobs / RATE if fast else time.monotonic() - start
    return Collapse(
        server=server_name(redis),
        overhead=overhead,
        jobs=jobs,
        job_bytes=sample_job_bytes(redis),
        seconds=seconds,
        error=error,
    )


def enqueue_mails(queue: "Queue", *, fast: bool) -> Iterator[tuple[int, str]]:
    """Enqueue mails until one is refused. Yields the number so far each ten jobs, and at last the error."""
    from redis.exceptions import ResponseError

    start = time.monotonic()
    for jobs in range(MAX_JOBS):
        try:
            queue.enqueue(tasks.send_mail, "elon")
        except ResponseError as error:
            yield jobs, str(error)
            return
        if jobs % RATE == 0:
            yield jobs, ""
        if not fast:
            time.sleep(max(0.0, start + (jobs + 1) / RATE - time.monotonic()))


def watch_workers(folder: Path, redis: "Redis", workers: Workers) -> Aftermath:
    """Watch the workers until the running tasks have ended, then start another."""
    before = count_jobs(redis)
    end = time.monotonic() + AFTERMATH_TIME
    while time.monotonic() < end and workers.alive():
        time.sleep(0.2)
    after = count_jobs(redis)
    alive = workers.alive()
    newcomer = start_another(folder, workers)
    return Aftermath(
        waiting=after["queue"],
        finished=after["finished"] - before["finished"],
        failed=after["failed"] - before["failed"],
        stuck=after["stuck"],
        alive=alive,
        newcomer=newcomer,
    )


def start_another(folder: Path, workers: Workers) -> str:
    """Start another worker. Returns `started`, or how it ended."""
    worker = workers.start("newcomer.log")
    end = time.monotonic() + WORKER_TIMEOUT
    while worker.poll() is None and time.monotonic() < end:
        time.sleep(0.1)
    if worker.poll() is None:
        return "started"
    lines = (folder / "newcomer.log").read_text(errors="replace").split("\n")
    error = next((line.strip() for line in reversed(lines) if "Error" in line), "")
    return f"exit status {worker.returncode}" + (f": {error}" if error else "")


def count_jobs(redis: "Redis") -> dict[str, int]:
    """Count the jobs in the queue and in RQ's registries, with commands that change nothing."""
    queue = "rq:queue:default"
    return {
        "queue": int(redis.llen(queue)),
        "stuck": int(redis.llen(f"{queue}:intermediate")),
        "finished": int(redis.zcard("rq:finished:default")),
        "failed": int(redis.zcard("rq:failed:default")),
    }


def warm_up(redis: "Redis", queue: "Queue", monitor: MonitorBeside) -> int:
    """Let the workers run a few jobs beside the monitor. Returns the most bytes that Redis ever used.

    A connection's buffers come and go with each job, too fast for samples: Redis itself knows their peak. If
    it weren't counted, jobs would have less room than `ROOM`, and the experiment would end early. Raises
    `BrokerError` if the workers don't run them.
    """
    for _ in range(WARM_UP_JOBS):
        queue.enqueue(tasks.simple_task)
    end = time.monotonic() + WORKER_TIMEOUT
    while redis.zcard("rq:finished:default") < WARM_UP_JOBS:
        if time.monotonic() > end:
            raise BrokerError(f"RQ's workers didn't run {WARM_UP_JOBS} jobs within {WORKER_TIMEOUT:.0f} s.")
        monitor.poll(0)
    return int(redis.info("memory")["used_memory_peak"])


def used_memory(redis: "Redis") -> int:
    """The bytes that Redis uses."""
    return int(redis.info("memory")["used_memory"])


def used_share(redis: "Redis") -> float:
    """The used share of the memory limit, 0 to 1."""
    memory = redis.info("memory")
    return float(memory["used_memory"] / memory["maxmemory"])


def sample_job_bytes(redis: "Redis") -> float:
    """Measure a waiting job: its hash, by MEMORY USAGE of a few jobs, and its share of the list."""
    queue = "rq:queue:default"
    jobs = cast("list[bytes]", redis.lrange(queue, 0, SAMPLED_JOBS - 1))
    if not jobs:
        return 0.0
    hashes = [redis.memory_usage(b"rq:job:" + job) or 0 for job in jobs]
    return sum(hashes) / len(hashes) + (redis.memory_usage(queue) or 0) / redis.llen(queue)


def server_name(redis: "Redis") -> str:
    """The server's name and version: `Redis 7.0.15`, `Valkey 9.1.2`."""
    server = redis.info("server")
    if "valkey_version" in server:
        return f"Valkey {server['valkey_version']}"
    return f"Redis {server['redis_version']}"
