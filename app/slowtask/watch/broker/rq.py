"""Read RQ's queues on Redis, without RQ, which would clean its registries as it reads, and unpickle jobs.

Every command only reads. None is in a `MULTI`, where a full Redis refuses even reads. A poll takes three
round trips for any number of queues, and a fourth if a queue changed meanwhile. `rq_values.py` knows what RQ
stores.
"""

import random
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from slowtask.watch.broker import Owner, Poll, Queue, Running, System, Waiting, Worker
from slowtask.watch.broker.facts import ServerFacts
from slowtask.watch.broker.owners import OwnedKey, SampledKey, measure_sizes, memory_owners, sample_keys
from slowtask.watch.broker.redis import (
    as_text,
    database_of,
    is_unchanged,
    parse_listeners,
    parse_memory,
    redacted_url,
    translate_errors,
)
from slowtask.watch.broker.redis_facts import SettingsReader, parse_facts, raise_error_in
from slowtask.watch.broker.rq_values import (
    JOB_FIELDS,
    REGISTRIES,
    VALUES_PER_QUEUE,
    WORKER_FIELDS,
    QueueRow,
    job_id_of,
    make_queue,
    make_running,
    make_worker,
    task_of,
    worker_name,
)

if TYPE_CHECKING:
    from redis import Redis

DEFAULT_PREFIX: Final = "rq"
MAX_TAIL_SEARCH: Final = 100_000  #: jobs among which the previous poll's tail is searched
MAX_RUNNING_JOBS: Final = 1_000  #: that are read of one queue


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerState:
    """What the first round trip of a poll reads."""

    clock: int  #: µs since the epoch
    info: Mapping[str, Any]
    facts: ServerFacts
    queues: Sequence[str]  #: names
    worker_keys: Sequence[str]


class Rq:
    """The queues of RQ on one Redis, under the key prefix that RQ uses there."""

    system: System = "rq"

    def __init__(
        self, client: "Redis", url: str, prefix: str = DEFAULT_PREFIX, seed: int | None = None
    ) -> None:
        self._client = client
        self._prefix = prefix
        self._settings = SettingsReader()
        self._random = random.Random(seed)  # noqa: S311 - no secret
        self._may_count = True  #: whether this user may ask who has subscribed to a channel
        self.name = redacted_url(url)

    def poll(self, tails: Mapping[str, str]) -> Poll:
        """Read the queues, the workers and the memory. Raises `BrokerError`.

        *tails* are each queue's last job in the previous poll.
        """
        start = time.perf_counter()
        with translate_errors(self.name):
            server = self._read_server()
            rows, workers = self._read_queues(server.queues, server.worker_keys, tails, server.clock)
            changed = [name for name in server.queues if not is_unchanged(rows[name])]
            if changed:
                rows |= self._read_queues(changed, (), tails, server.clock)[0]
            queues = self._make_queues(rows, workers, server.clock)
        return Poll(
            time=server.clock,
            system=self.system,
            name=self.name,
            queues=queues,
            workers=workers,
            memory=parse_memory(server.info),
            server_facts=server.facts,
            took=time.perf_counter() - start,
            round_trips=3 + bool(changed),
        )

    def _key(self, *parts: str) -> str:
        """Return a key of RQ's: `rq:queue:default`."""
        return ":".join((self._prefix, *parts))

    def _read_server(self) -> ServerState:
        """Read the clock, what the server reports of itself, the queues' names and the workers' keys."""
        pipe = self._client.pipeline(transaction=False)
        pipe.time()
        pipe.info()
        pipe.smembers(self._key("queues"))
        pipe.smembers(self._key("workers"))
        self._settings.add_commands(pipe)
        answers, settings = self._settings.split_answers(pipe.execute(raise_on_error=False))
        (seconds, micro), info, queues, workers = raise_error_in(answers)
        start = len(self._key("queue", ""))
        return ServerState(
            clock=seconds * 1_000_000 + micro,
            info=info,
            facts=parse_facts(info, settings, database_of(self._client)),
            queues=sorted(as_text(key)[start:] for key in queues),
            worker_keys=sorted_texts(workers),
        )

    def _read_queues(
        self, names: Sequence[str], worker_keys: Sequence[str], tails: Mapping[str, str], clock: int
    ) -> tuple[dict[str, QueueRow], list[Worker]]:
        """Return what is read of the queues called *names*, and the workers at *worker_keys*.

        Others may act between two commands of a pipeline. Workers are read before the registries: a job that
        ends in between is counted at the next poll, not twice. A queue's length and last job are read again
        after what depends on them, so that `is_unchanged` tells whether the row is of one moment.
        """
        pipe = self._client.pipeline(transaction=False)
        for key in worker_keys:
            pipe.hmget(key, *WORKER_FIELDS)
            pipe.pttl(key)
        for name in names:
            self._add_queue_commands(pipe, name, tails.get(name, ""))
        channels = [self._key("pubsub", worker_name(key)) for key in worker_keys if self._may_count]
        if channels:
            pipe.pubsub_numsub(*channels)
        answers = pipe.execute(raise_on_error=False) if names or worker_keys else []
        listeners = self._count_listeners(answers.pop()) if channels else {}
        raise_error_in(answers)
        workers = [
            make_worker(key, values, left, listeners.get(self._key("pubsub", worker_name(key))), clock)
            for key, values, left in zip(worker_keys, answers[::2], answers[1::2], strict=False)
            if values[1]
        ]
        starts = range(2 * len(worker_keys), len(answers), VALUES_PER_QUEUE)
        rows: dict[str, QueueRow] = {
            name: answers[start : start + VALUES_PER_QUEUE] for name, start in zip(names, starts, strict=True)
        }
        return rows, workers

    def _count_listeners(self, answer: object) -> dict[str, int]:
        """Return the subscribers of each worker's channel; a user who may not ask is asked for once."""
        self._may_count = not isinstance(answer, Exception)
        return parse_listeners(answer)

    def _add_queue_commands(self, pipe: Any, name: str, tail: str) -> None:
        """Add the commands to *pipe* that read one `QueueRow`."""
        key = self._key("queue", name)
        pipe.llen(key)
        pipe.lindex(key, -1)
        pipe.lpos(key, tail, rank=-1, maxlen=MAX_TAIL_SEARCH)
        pipe.lindex(key, 0)
        pipe.lindex(f"{key}:intermediate", 0)
        pipe.zrange(self._key("scheduled", name), 0, 0, withscores=True)
        for registry in REGISTRIES.values():
            pipe.zcard(self._key(registry, name))
        pipe.llen(key)
        pipe.lindex(key, -1)

    def _make_queues(
        self, rows: Mapping[str, QueueRow], workers: Sequence[Worker], clock: int
    ) -> list[Queue]:
        """Read when the first job of each queue was enqueued, and make the queues."""
        pipe = self._client.pipeline(transaction=False)
        for row in rows.values():
            pipe.hget(self._key("job", as_text(row[3] or b"")), "enqueued_at")
        times = pipe.execute() if rows else []
        return [
            make_queue(name, row, enqueued_at, workers, clock)
            for (name, row), enqueued_at in zip(rows.items(), times, strict=True)
        ]

    def waiting(self, queue: str, max_jobs: int) -> Waiting:
        """Return which tasks wait in *queue*, by *max_jobs* of them at random if there are more.

        The share of a task is then right within 100 / √max_jobs per cent, 95 times in 100. Raises
        `BrokerError`.
        """
        with translate_errors(self.name):
            key = self._key("queue", queue)
            depth = int(self._client.llen(key))
            ids = (
                self._client.lrange(key, 0, -1)
                if depth <= max_jobs
                else self._sample_ids(key, depth, max_jobs)
            )
            pipe = self._client.pipeline(transaction=False)
            for job_id in ids:
                pipe.hget(self._key("job", as_text(job_id)), "description")
            tasks = Counter(task_of(description) for description in pipe.execute() if description is not None)
        return Waiting(queue=queue, depth=depth, sampled=tasks.total(), tasks=tasks)

    def _sample_ids(self, key: str, depth: int, max_jobs: int) -> list[bytes]:
        """Return the ids of *max_jobs* jobs at random of the list at *key*."""
        pipe = self._client.pipeline(transaction=False)
        for index in self._random.sample(range(depth), max_jobs):
            pipe.lindex(key, index)
        return [job_id for job_id in pipe.execute() if job_id is not None]

    def running(self, queues: Sequence[str]) -> list[Running]:
        """Return the jobs of *queues* that run. Raises `BrokerError`."""
        with translate_errors(self.name):
            pipe = self._client.pipeline(transaction=False)
            for name in queues:
                pipe.zrange(self._key("wip", name), 0, MAX_RUNNING_JOBS - 1)
            registries = pipe.execute() if queues else []
            jobs = [
                (name, job_id_of(member))
                for name, members in zip(queues, registries, strict=True)
                for member in members
            ]
            for _, job_id in jobs:
                pipe.hmget(self._key("job", job_id), *JOB_FIELDS)
            rows = pipe.execute() if jobs else []
        running = (make_running(job_id, name, row) for (name, job_id), row in zip(jobs, rows, strict=True))
        return [job for job in running if job is not None]

    def owners(self, max_keys: int) -> list[Owner]:
        """Return what the memory is used for, by *max_keys* keys at random. Raises `BrokerError`."""
        with translate_errors(self.name):
            lists = sorted_texts(self._client.smembers(self._key("queues")))
            sampled = sample_keys(self._client, max_keys, set(lists))
            sizes = measure_sizes(self._client, lists)
            jobs = self._read_jobs([key.key for key in sampled.keys])
        owned = (self._find_owner(key, *job) for key, job in zip(sampled.keys, jobs, strict=True))
        return memory_owners({"queues' lists": sum(sizes)}, owned, sampled.scale)

    def _read_jobs(self, keys: Sequence[str]) -> list[tuple[Any, Any]]:
        """Return the status and the description of the job to which each of *keys* belongs."""
        pipe = self._client.pipeline(transaction=False)
        for key in keys:
            job_id = self._split_key(key)[1]
            pipe.hmget(self._key("job", job_id), "status", "description")
        answers = pipe.execute(raise_on_error=False) if keys else []
        return [(None, None) if isinstance(answer, Exception) else tuple(answer) for answer in answers]

    def _split_key(self, key: str) -> tuple[str, str]:
        """Return the kind of a *key* of RQ's, and the id in it: `job` and `6c1f…`; of another key nothing."""
        prefix, found, rest = key.partition(f"{self._prefix}:")
        kind, _, job_id = rest.partition(":")
        return (kind, job_id) if found and not prefix else ("", "")

    def _find_owner(self, key: SampledKey, status: bytes | None, description: bytes | None) -> OwnedKey:
        """Find what *key* is used for; the job to which it belongs has this *status* and *description*."""
        kind, _ = self._split_key(key.key)
        owner = {"": "other programs", "job": "jobs", "results": "results"}.get(kind, "RQ's own lists")
        if kind == "job" and status:
            owner = f"{as_text(status)} jobs"
        return OwnedKey(owner=owner, key=key, task=task_of(description) if description else None)


def sorted_texts(values: Iterable[bytes | str]) -> list[str]:
    """Return *values* as text, sorted."""
    return sorted(map(as_text, values))
