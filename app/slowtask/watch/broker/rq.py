"""RQ's Redis, read without RQ: that would clean registries, which changes the queue, and unpickle jobs.

Every command here only reads, and none stands in a `MULTI`: a full Redis refuses even reads there. A poll
takes three round trips, however many queues there are, and a fourth where a queue changed under it.
"""

import random
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from slowtask.watch.broker import Owner, Poll, Queue, Running, System, Waiting, Worker
from slowtask.watch.broker.owners import met_keys, shares, sizes
from slowtask.watch.broker.redis import as_text, is_unchanged, parse_memory, redacted_url, translate_errors

if TYPE_CHECKING:
    from redis import Redis

PREFIX: Final = "rq"
SEARCHED: Final = 100_000  #: jobs behind the last tail that are looked through
MOST_RUNNING: Final = 1_000  #: of a queue that are looked at
REGISTRIES: Final = {"running": "wip", "scheduled": "scheduled", "deferred": "deferred", "failed": "failed"}
WORKER: Final = ("state", "queues", "successful_job_count", "failed_job_count")
JOB: Final = ("description", "started_at", "timeout", "last_heartbeat", "worker_name")
NAME_LENGTH: Final = 512  #: characters of a description that are looked at
Row = Sequence[Any]


class Rq:
    """The queues of RQ on one Redis, under the key prefix that RQ uses there."""

    system: System = "rq"

    def __init__(self, client: "Redis", url: str, prefix: str = PREFIX, seed: int | None = None) -> None:
        self._client = client
        self._prefix = prefix
        self._chance = random.Random(seed)  # noqa: S311 - no secret
        self.name = redacted_url(url)

    def poll(self, tails: Mapping[str, str]) -> Poll:
        """What it shows now; *tails* are the queues' last jobs of the poll before. Raises `BrokerError`."""
        start = time.perf_counter()
        with translate_errors(self.name):
            clock, info, names, keys = self._first()
            rows, workers = self._second(names, keys, tails)
            changed = [name for name in names if not is_unchanged(rows[name])]
            if changed:
                rows |= self._second(changed, (), tails)[0]
            queues = self._third(rows, workers, clock)
        return Poll(
            time=clock,
            system=self.system,
            name=self.name,
            queues=queues,
            workers=workers,
            memory=parse_memory(info),
            took=time.perf_counter() - start,
            round_trips=3 + bool(changed),
        )

    def _key(self, *parts: str) -> str:
        """`rq:queue:default`."""
        return ":".join((self._prefix, *parts))

    def _first(self) -> tuple[int, Mapping[str, Any], list[str], list[str]]:
        """The clock (µs), the memory, the queues' names and the workers' keys."""
        pipe = self._client.pipeline(transaction=False)
        pipe.time()
        pipe.info("memory")
        pipe.smembers(self._key("queues"))
        pipe.smembers(self._key("workers"))
        (seconds, micro), info, queues, workers = pipe.execute()
        start = len(self._key("queue", ""))
        return (
            seconds * 1_000_000 + micro,
            info,
            sorted(as_text(key)[start:] for key in queues),
            texts(workers),
        )

    def _second(
        self, names: Sequence[str], keys: Sequence[str], tails: Mapping[str, str]
    ) -> tuple[dict[str, Row], list[Worker]]:
        """The workers; and of each queue its lengths, first and last job and the place of its old tail.

        Others may act between two commands of a pipeline. Workers are read before the registries: a job
        that ends between the two is counted at the next poll, not twice. The length and the last job are
        read again behind what depends on them, so that `steady` tells whether the row is of one moment.
        """
        pipe = self._client.pipeline(transaction=False)
        for key in keys:
            pipe.hmget(key, *WORKER)
        for name in names:
            queue = self._key("queue", name)
            pipe.llen(queue)
            pipe.lindex(queue, -1)
            pipe.lpos(queue, tails.get(name, ""), rank=-1, maxlen=SEARCHED)
            pipe.lindex(queue, 0)
            for registry in REGISTRIES.values():
                pipe.zcard(self._key(registry, name))
            pipe.llen(queue)
            pipe.lindex(queue, -1)
        found = pipe.execute() if names or keys else []
        workers = [worker(key, values) for key, values in zip(keys, found, strict=False) if values[1]]
        wide = len(REGISTRIES) + 6
        begin = range(len(keys), len(found), wide)
        rows: dict[str, Row] = {name: found[at : at + wide] for name, at in zip(names, begin, strict=True)}
        return rows, workers

    def _third(self, rows: Mapping[str, Row], workers: Sequence[Worker], clock: int) -> list[Queue]:
        """The queues; when their first jobs were enqueued is asked for here."""
        pipe = self._client.pipeline(transaction=False)
        for row in rows.values():
            pipe.hget(self._key("job", as_text(row[3] or b"")), "enqueued_at")
        since = pipe.execute() if rows else []
        return [queue(*each, workers, clock) for each in zip(rows, rows.values(), since, strict=True)]

    def waiting(self, queue: str, most: int) -> Waiting:
        """Which tasks wait in *queue*: of all where there are at most *most*, else of so many at random.

        The share of a task is right within 100 / √most per cent, 95 times in 100. Raises `BrokerError`.
        """
        with translate_errors(self.name):
            key = self._key("queue", queue)
            depth = int(self._client.llen(key))
            ids = self._client.lrange(key, 0, -1) if depth <= most else self._at_random(key, depth, most)
            pipe = self._client.pipeline(transaction=False)
            for job in ids:
                pipe.hget(self._key("job", as_text(job)), "description")
            tasks = Counter(task_of(each) for each in pipe.execute() if each is not None)
        return Waiting(queue=queue, depth=depth, sampled=tasks.total(), tasks=tasks)

    def _at_random(self, key: str, depth: int, most: int) -> list[bytes]:
        """The ids of *most* jobs of the list *key*."""
        pipe = self._client.pipeline(transaction=False)
        for place in self._chance.sample(range(depth), most):
            pipe.lindex(key, place)
        return [job for job in pipe.execute() if job is not None]

    def running(self, queues: Sequence[str]) -> list[Running]:
        """The jobs that run. Raises `BrokerError`."""
        with translate_errors(self.name):
            pipe = self._client.pipeline(transaction=False)
            for name in queues:
                pipe.zrange(self._key("wip", name), 0, MOST_RUNNING - 1)
            members = pipe.execute() if queues else []
            jobs = [(name, job_of(each)) for name, ids in zip(queues, members, strict=True) for each in ids]
            for _, job in jobs:
                pipe.hmget(self._key("job", job), *JOB)
            rows = pipe.execute() if jobs else []
        found = (running(job, name, row) for (name, job), row in zip(jobs, rows, strict=True))
        return [each for each in found if each is not None]

    def owners(self, most: int) -> list[Owner]:
        """Who owns its memory, the greatest first, by *most* keys at random. Raises `BrokerError`.

        The queues' lists are few and may be huge: they are measured each, not met by chance.
        """
        with translate_errors(self.name):
            queues = texts(self._client.smembers(self._key("queues")))
            met = met_keys(self._client, most, set(queues))
            lists = sizes(self._client, queues)
            statuses = self._statuses([each.key for each in met.keys])
        owners = (self._owner(each.key, status) for each, status in zip(met.keys, statuses, strict=True))
        return shares("queues' lists", lists, zip(owners, met.keys, strict=True), met.scale)

    def _statuses(self, keys: Sequence[str]) -> list[Any]:
        """The status of each of *keys* that is a job."""
        pipe = self._client.pipeline(transaction=False)
        for key in keys:
            pipe.hget(key, "status") if key.startswith(self._key("job", "")) else pipe.exists(key)
        return pipe.execute(raise_on_error=False) if keys else []

    def _owner(self, key: str, status: object) -> str:
        """Whose *key* is; *status* is that of a job."""
        if not key.startswith(f"{self._prefix}:"):
            return "other programs"
        kind = key[len(self._prefix) + 1 :].partition(":")[0]
        if kind == "job":
            return f"{as_text(status)} jobs" if isinstance(status, bytes) else "jobs"
        return "results" if kind == "results" else "RQ's own lists"


def queue(name: str, row: Row, since: bytes | None, workers: Sequence[Worker], clock: int) -> Queue:
    """The queue *name* of what Redis said of it."""
    depth, last, place, _, running, scheduled, deferred, failed, *_ = row
    mine = [each for each in workers if name in each.queues]
    enqueued = moment(since)
    return Queue(
        name=name,
        depth=depth,
        running=running,
        scheduled=scheduled,
        deferred=deferred,
        failed=failed,
        workers=len(mine),
        busy=sum(each.busy for each in mine),
        oldest=max(0, clock - enqueued) * 1000 if enqueued is not None else None,
        tail=as_text(last) if last else None,
        behind_tail=None if place is None else max(0, depth - 1 - place),
    )


def worker(key: str, values: Row) -> Worker:
    """The worker at *key* of what its hash says."""
    state, queues, succeeded, failed = values
    return Worker(
        name=key.rpartition(":")[2],
        queues=tuple(as_text(queues or b"").split(",")),
        busy=int(state == b"busy"),
        finished=int(succeeded or 0) + int(failed or 0),
    )


def running(job: str, queue: str, row: Row) -> Running | None:
    """A job that runs; None where it has ended meanwhile, or not begun."""
    description, started, timeout, alive, worker = row
    since = moment(started)
    if since is None:
        return None
    limit = as_text(timeout or b"")
    return Running(
        id=job,
        queue=queue,
        task=task_of(description) if description else None,
        worker=as_text(worker) if worker else None,
        started=since,
        timeout=float(limit) if limit.isdigit() else None,
        heartbeat=moment(alive),
    )


def job_of(member: bytes) -> str:
    """The job's id in a registry's *member*: from RQ 2 on that is `job:execution`."""
    job, _, execution = as_text(member).rpartition(":")
    return job if job and len(execution) == 32 else as_text(member)  # noqa: PLR2004 - hex digits


def task_of(description: bytes) -> str:
    """The task in a job's *description*: what stands before its arguments, which are nobody's business."""
    return as_text(description[: 4 * NAME_LENGTH]).partition("(")[0].strip()[:NAME_LENGTH]


def moment(value: bytes | None) -> int | None:
    """A time as RQ writes it, in µs since the epoch; None for what is none."""
    try:
        found = datetime.fromisoformat(as_text(value or b""))
    except ValueError:
        return None
    aware = found if found.tzinfo else found.replace(tzinfo=UTC)
    return int(aware.timestamp() * 1_000_000)


def texts(values: Iterable[bytes | str]) -> list[str]:
    """*values* as text, in order."""
    return sorted(map(as_text, values))
