"""Read Celery's queues on Redis, without Celery.

Every command only reads. None is in a `MULTI`, where a full Redis refuses even reads. A poll takes three
round trips, and a fourth if a list changed meanwhile. `celery_lists.py` knows how the queues are stored.
"""

import importlib
import random
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from slowtask.watch.broker import (
    Owner,
    Poll,
    Queue,
    Running,
    System,
    Unacknowledged,
    Waiting,
    Worker,
)
from slowtask.watch.broker.celery_lists import (
    BINDING_PREFIX,
    DEFAULT_QUEUE,
    INTERNAL_EXCHANGES,
    SEPARATOR,
    UNACKED_KEY,
    ListRow,
    list_keys,
    make_queue,
    position_of,
    queue_of,
    task_of,
)
from slowtask.watch.broker.celery_owners import find_owners
from slowtask.watch.broker.facts import ServerFacts
from slowtask.watch.broker.heartbeats import (
    EVENT_EXCHANGE,
    WorkerRegistry,
    events_denied_message,
    workers_of,
)
from slowtask.watch.broker.owners import measure_sizes, memory_owners, sample_keys
from slowtask.watch.broker.redis import (
    as_text,
    database_of,
    is_unchanged,
    parse_memory,
    redacted_url,
    translate_errors,
)
from slowtask.watch.broker.redis_facts import SettingsReader, parse_facts, raise_error_in

if TYPE_CHECKING:
    from redis import Redis
    from redis.client import PubSub

MAX_QUEUES: Final = 1_000
SCAN_COUNT: Final = 1_000  #: keys that each poll searches for queues that nobody named
MAX_TAIL_SEARCH: Final = 100_000  #: tasks among which the previous poll's newest is searched
MAX_SAMPLED_BYTES: Final = 4_000_000  #: of the tasks that are read to tell what waits in one queue
SIZE_SAMPLE: Final = 20  #: tasks that are read first, to see how large they are
VALUES_PER_LIST: Final = 6  #: that are read of one list


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerState:
    """What the first round trip of a poll reads."""

    clock: int  #: µs since the epoch
    info: Mapping[str, Any]
    facts: ServerFacts
    deserted: bool  #: nobody but this program has subscribed to a pattern, as each worker does
    unacknowledged: Unacknowledged
    binding_keys: Sequence[bytes]  #: some of those in which kombu keeps queues, others at each poll


class CeleryRedis:
    """The queues of Celery on one Redis; *queues* are read besides those that are found."""

    system: System = "celery"

    def __init__(
        self, client: "Redis", url: str, queues: Iterable[str] = (), seed: int | None = None
    ) -> None:
        self._client = client
        self._named = set(queues)
        self._found: set[str] = set()
        self._used_lists: set[str] = set()  #: keys of lists that had a task in them
        self._cursor = 0
        self._random = random.Random(seed)  # noqa: S311 - no secret
        self._registry = WorkerRegistry()
        self._subscription: PubSub | None = None
        self._events_denied: str | None = None
        self._may_count = True  #: whether this user may ask how many patterns are subscribed to
        self._settings = SettingsReader()
        self.name = redacted_url(url)

    def poll(self, tails: Mapping[str, str]) -> Poll:
        """Read the queues, the workers and the memory. Raises `BrokerError`.

        *tails* are each queue's newest task in the previous poll.
        """
        start = time.perf_counter()
        with translate_errors(self.name):
            server = self._read_server()
            self._receive_events(server.clock)
            self._find_queues(server.binding_keys)
            names = sorted(self._known_queues() | {DEFAULT_QUEUE})[:MAX_QUEUES]
            rows, round_trips = self._read_queues(names, tails)
        workers = self._registry.workers()
        live = self._registry.live_workers(server.clock)
        return Poll(
            time=server.clock,
            system=self.system,
            name=self.name,
            queues=self._make_queues(dict(zip(names, rows, strict=True)), live, server.clock),
            workers=workers,
            all_workers_known=bool(live),
            counted=self._registry.are_counted(server.clock),
            workers_delayed=True,
            deserted=server.deserted,
            unacknowledged=server.unacknowledged,
            memory=parse_memory(server.info),
            server_facts=server.facts,
            notes=[self._events_denied] if self._events_denied else [],
            took=time.perf_counter() - start,
            round_trips=2 + round_trips,
        )

    def _known_queues(self) -> set[str]:
        """Return the queues that the user, kombu's bindings or live workers name."""
        return self._named | self._found | self._registry.queues()

    def _make_queues(
        self, rows: Mapping[str, Sequence[ListRow]], workers: Sequence[Worker], clock: int
    ) -> list[Queue]:
        """Make the queues of what was read of their lists; an unknown one only if a task waits in it."""
        known = self._known_queues()
        running = Counter(job.queue for job in self._registry.running())
        return [
            make_queue(name, row, workers_of(name, workers, running), clock)
            for name, row in rows.items()
            if name in known or any(length for length, *_ in row)
        ]

    def _read_server(self) -> ServerState:
        """Read the clock, what the server reports of itself, what workers have, and some keys of bindings.

        A user without the right to scan goes without those keys.
        """
        errors: Any = importlib.import_module("redis.exceptions")
        pipe = self._client.pipeline(transaction=False)
        pipe.time()
        pipe.info()
        pipe.hlen(UNACKED_KEY)
        pipe.zrange(f"{UNACKED_KEY}_index", 0, 0, withscores=True)
        if self._may_count:
            pipe.pubsub_numpat()
        pipe.scan(self._cursor, f"{BINDING_PREFIX}*", SCAN_COUNT)
        self._settings.add_commands(pipe)
        answers, settings = self._settings.split_answers(pipe.execute(raise_on_error=False))
        *answers, scanned = answers
        patterns = answers.pop() if self._may_count else None
        if not isinstance(scanned, errors.NoPermissionError):
            raise_error_in([scanned])
        (seconds, micro), info, count, first = raise_error_in(answers)
        self._may_count &= not isinstance(patterns, Exception)
        clock = seconds * 1_000_000 + micro
        self._cursor, keys = (0, []) if isinstance(scanned, Exception) else scanned
        given = round(first[0][1] * 1_000_000) if first and count else None
        oldest = None if given is None else max(0, clock - given) * 1000
        return ServerState(
            clock=clock,
            info=info,
            facts=parse_facts(info, settings, database_of(self._client)),
            deserted=self._may_count and isinstance(patterns, int) and patterns <= bool(self._subscription),
            unacknowledged=Unacknowledged(count=count, oldest=oldest),
            binding_keys=keys,
        )

    def _receive_events(self, now: int) -> None:
        """Take the events that workers have sent since the previous poll, unless this user may not."""
        errors: Any = importlib.import_module("redis.exceptions")
        if self._events_denied:
            return
        subscription = self._subscription = self._subscription or self._subscribe()
        try:
            while message := subscription.get_message(timeout=0):
                if message["type"] == "pmessage":
                    self._registry.add_wrapped_event(message["data"], now)
        except errors.NoPermissionError:
            self._events_denied = events_denied_message(self.name)
            subscription.close()
        self._registry.forget_silent(now)

    def _subscribe(self) -> "PubSub":
        """Subscribe to the workers' events in this database."""
        subscription: PubSub = cast("Any", self._client).pubsub()
        subscription.psubscribe(f"/{database_of(self._client)}.{EVENT_EXCHANGE}/worker.*")
        return subscription

    def _find_queues(self, keys: Sequence[bytes]) -> None:
        """Add the queues in the bindings at *keys*, and in those of the default and the named queues."""
        errors: Any = importlib.import_module("redis.exceptions")
        names = {as_text(key) for key in keys}
        names |= {BINDING_PREFIX + name for name in (DEFAULT_QUEUE, *self._named)}
        pipe = self._client.pipeline(transaction=False)
        for key in sorted(names):
            if key.removeprefix(BINDING_PREFIX) not in INTERNAL_EXCHANGES:
                pipe.smembers(key)
        with suppress(errors.NoPermissionError):
            self._found.update(queue_of(member) for members in pipe.execute() for member in members)

    def _read_queues(
        self, names: Sequence[str], tails: Mapping[str, str]
    ) -> tuple[list[Sequence[ListRow]], int]:
        """Return what is in the lists of each queue, and the round trips that this took.

        Others may act between two commands of a pipeline, so each list that changed while it was read is read
        once more. Two lists may be of two moments: a task that arrives in between is in one of two polls.
        """
        queues = {key: name for name in names for key in list_keys(name)}
        rows = self._read_lists({key: tails.get(name, "") for key, name in queues.items()})
        changed = {key: tails.get(queues[key], "") for key, row in rows.items() if not is_unchanged(row)}
        if changed:
            rows |= self._read_lists(changed)
        self._used_lists.update(key for key, (length, *_) in rows.items() if length)
        return [[rows[key] for key in list_keys(name)] for name in names], 1 + bool(changed)

    def _read_lists(self, tails: Mapping[str, str]) -> dict[str, ListRow]:
        """Read the lists whose keys are in *tails*, with the task whose position is searched in each.

        Of a list of another priority only the length is read, until it had a task in it; the rest is None.
        """
        whole = {key for key in tails if SEPARATOR not in key or key in self._used_lists}
        pipe = self._client.pipeline(transaction=False)
        for key, tail in tails.items():
            pipe.llen(key)
            if key in whole:
                pipe.lindex(key, 0)
                pipe.lpos(key, tail, maxlen=MAX_TAIL_SEARCH)
                pipe.lindex(key, -1)
                pipe.llen(key)
                pipe.lindex(key, 0)
        answers = iter(pipe.execute())
        rows = {key: [next(answers) for _ in range(VALUES_PER_LIST if key in whole else 1)] for key in tails}
        unread = [None, None, None]
        return {key: row if key in whole else [*row, *unread, *row, None] for key, row in rows.items()}

    def waiting(self, queue: str, max_jobs: int) -> Waiting:
        """Return which tasks wait in *queue*, by at most *max_jobs* of them at random. Raises `BrokerError`.

        Fewer are read if they are large.
        """
        with translate_errors(self.name):
            lengths = self._read_lengths(queue)
            depth = sum(lengths.values())
            numbers = self._random.sample(range(depth), min(depth, max_jobs))
            positions = [position_of(number, lengths) for number in numbers]
            messages = self._read_messages(positions[:SIZE_SAMPLE])
            size = sum(map(len, messages)) / max(1, len(messages))
            affordable = min(max_jobs, int(MAX_SAMPLED_BYTES / max(1.0, size)))
            messages += self._read_messages(positions[SIZE_SAMPLE:affordable])
        tasks = Counter(task for task in map(task_of, messages) if task)
        return Waiting(queue=queue, depth=depth, sampled=tasks.total(), tasks=tasks)

    def _read_lengths(self, queue: str) -> dict[str, int]:
        """Return the length of each list of *queue*, by its key."""
        pipe = self._client.pipeline(transaction=False)
        for key in list_keys(queue):
            pipe.llen(key)
        return dict(zip(list_keys(queue), pipe.execute(), strict=True))

    def _read_messages(self, positions: Iterable[tuple[str, int]]) -> list[bytes]:
        """Return the messages at *positions*, each a list's key and an index, that are still there."""
        pipe = self._client.pipeline(transaction=False)
        for key, index in positions:
            pipe.lindex(key, index)
        return [message for message in pipe.execute() if message is not None]

    def running(self, queues: Sequence[str]) -> list[Running]:  # noqa: ARG002 - workers report all queues
        """Return the jobs that run, as the workers report them."""
        return self._registry.running()

    def owners(self, max_keys: int) -> list[Owner]:
        """Return what the memory is used for, by *max_keys* keys at random. Raises `BrokerError`."""
        queues = sorted({DEFAULT_QUEUE} | self._named | self._found)
        lists = [key for name in queues for key in list_keys(name)]
        with translate_errors(self.name):
            waiting = sum(measure_sizes(self._client, lists))
            sampled = sample_keys(self._client, max_keys, set(lists))
            owned = find_owners(self._client, sampled.keys)
        return memory_owners({"waiting tasks": waiting}, owned, sampled.scale)

    def close(self) -> None:
        """End the subscription to the workers' events."""
        if self._subscription:
            self._subscription.close()
