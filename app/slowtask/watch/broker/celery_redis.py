"""Celery's Redis, read without Celery. Every command only reads; nothing of a task's arguments is decoded.

None stands in a `MULTI`: a full Redis refuses even reads there. A poll takes three round trips, and a fourth
where a list changed under it.

A queue is a list, newest first, with one more list for each priority. What workers have fetched is in a hash.
"""

import importlib
import random
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec

from slowtask.watch.broker import Owner, Poll, Queue, Running, System, Unacknowledged, Waiting
from slowtask.watch.broker.heartbeats import EXCHANGE, Crew, News, crew
from slowtask.watch.broker.owners import met_keys, shares, sizes
from slowtask.watch.broker.redis import as_text, is_unchanged, parse_memory, redacted_url, translate_errors

if TYPE_CHECKING:
    from redis import Redis
    from redis.client import PubSub

DEFAULT: Final = "celery"  #: the queue of a task that names none
SEPARATOR: Final = "\x06\x16"
BINDINGS: Final = "_kombu.binding."
HELD: Final = "unacked"  #: the hash; `unacked_index` has when each was given to a worker, epoch, seconds
OWN: Final = ("celeryev", "celery.pidbox", "reply.celery.pidbox")  #: exchanges of Celery's own talk
MOST: Final = 1_000  #: queues
PRIORITIES: Final = range(10)
SCANNED: Final = 1_000  #: keys that each poll searches for queues that nobody named
SEARCHED: Final = 100_000  #: tasks before the last newest that are looked through
LARGEST: Final = 65_536  #: bytes of a task that it is searched by
BYTES: Final = 4_000_000  #: of tasks that are looked at to tell what waits in one queue
NAME_LENGTH: Final = 512  #: characters of a task's name
FIRST: Final = 20  #: of them that tell how large they are
WIDE: Final = 6  #: values that are read of a list


class Headers(msgspec.Struct, frozen=True):
    """What Celery, and slowtask's hook, write beside a task."""

    task: str | None = None
    slowtask_published: float | None = None  #: epoch, seconds


class Message(msgspec.Struct, frozen=True):
    """A task as it stands in a list: of its arguments nothing is read."""

    headers: Headers = Headers()


decode: Final = msgspec.json.Decoder(Message).decode


class CeleryRedis:
    """The queues of Celery on one Redis; *queues* are some that it may not find by itself."""

    system: System = "celery"

    def __init__(
        self, client: "Redis", url: str, queues: Iterable[str] = (), seed: int | None = None
    ) -> None:
        self._client = client
        self._named = set(queues)
        self._found: set[str] = set()
        self._used: set[str] = set()  #: lists that had something in them
        self._cursor = 0
        self._chance = random.Random(seed)  # noqa: S311 - no secret
        self._news = News()
        self._channel: PubSub | None = None
        self._deaf: str | None = None
        self.name = redacted_url(url)

    def poll(self, tails: Mapping[str, str]) -> Poll:
        """What it shows now; *tails* are each queue's newest task at the last poll. Raises `BrokerError`."""
        start = time.perf_counter()
        with translate_errors(self.name):
            clock, info, given, keys = self._first()
            self._hear(clock)
            self._search(keys)
            names = sorted(self._names(clock) | {DEFAULT})[:MOST]
            rows, trips = self._rows(names, tails)
        workers = self._news.workers(clock)
        known = self._names(clock)
        running = Counter(job.queue for job in self._news.running())
        return Poll(
            time=clock,
            system=self.system,
            name=self.name,
            queues=[
                queue(name, row, crew(name, workers, running), clock)
                for name, row in zip(names, rows, strict=True)
                if name in known or any(each[0] for each in row)
            ],
            workers=workers,
            all_workers_known=bool(workers),
            workers_delayed=True,
            unacknowledged=given,
            memory=parse_memory(info),
            notes=[self._deaf] if self._deaf else [],
            took=time.perf_counter() - start,
            round_trips=2 + trips,
        )

    def _names(self, now: int) -> set[str]:
        """The queues that are known."""
        return self._named | self._found | self._news.queues(now)

    def _first(self) -> tuple[int, Mapping[str, Any], Unacknowledged, Sequence[bytes]]:
        """The clock (µs), the memory, what workers hold (one hash for all queues), and keys of bindings.

        Of the keys of bindings a part is looked for at each poll, and all of them in turn.
        """
        errors: Any = importlib.import_module("redis.exceptions")
        pipe = self._client.pipeline(transaction=False)
        pipe.time()
        pipe.info("memory")
        pipe.hlen(HELD)
        pipe.zrange(f"{HELD}_index", 0, 0, withscores=True)
        pipe.scan(self._cursor, f"{BINDINGS}*", SCANNED)
        *found, scanned = pipe.execute(raise_on_error=False)
        for each in found if isinstance(scanned, errors.NoPermissionError) else (*found, scanned):
            if isinstance(each, Exception):
                raise each
        (seconds, micro), info, count, given = found
        clock = seconds * 1_000_000 + micro
        since = round(given[0][1] * 1_000_000) if given and count else None
        oldest = None if since is None else max(0, clock - since) * 1000
        self._cursor, keys = (0, []) if isinstance(scanned, Exception) else scanned
        return clock, info, Unacknowledged(count=count, oldest=oldest), keys

    def _hear(self, now: int) -> None:
        """Take what workers have told since; a user who may not listen goes without, and is told so."""
        errors: Any = importlib.import_module("redis.exceptions")
        if self._deaf:
            return
        if self._channel is None:
            self._channel = cast("Any", self._client).pubsub()
            database = self._client.connection_pool.connection_kwargs.get("db") or 0
            self._channel.psubscribe(f"/{database}.{EXCHANGE}/worker.*")
        try:
            while heard := self._channel.get_message(timeout=0):
                if heard["type"] == "pmessage":
                    self._news.take_wrapped(heard["data"], now)
        except errors.NoPermissionError:
            self._deaf = f"{self.name} lets this user hear no workers: see the rights in docs/monitor.md."
            self._channel.close()
        self._news.forget(now)

    def _search(self, keys: Sequence[bytes]) -> None:
        """Take the names of queues from the bindings at *keys*, and at those that are always worth it."""
        errors: Any = importlib.import_module("redis.exceptions")
        names = {as_text(key) for key in keys} | {BINDINGS + name for name in (DEFAULT, *self._named)}
        pipe = self._client.pipeline(transaction=False)
        for key in sorted(names):
            if key.removeprefix(BINDINGS) not in OWN:
                pipe.smembers(key)
        with suppress(errors.NoPermissionError):
            self._found.update(queue_of(member) for each in pipe.execute() for member in each)

    def _rows(self, names: Sequence[str], tails: Mapping[str, str]) -> tuple[list["Row"], int]:
        """What stands in the lists of each queue, and the round trips that this took.

        Others may act between two commands of a pipeline. Each list that changed while it was read is read
        once more. Two lists may be of two moments: a task that comes between them is in one of two polls.
        """
        keys = {key: name for name in names for key in lists(name)}
        found = self._lists({key: tails.get(name, "") for key, name in keys.items()})
        changed = {key: tails.get(keys[key], "") for key, row in found.items() if not is_unchanged(row)}
        if changed:
            found |= self._lists(changed)
        self._used.update(key for key, (length, *_) in found.items() if length)
        return [[found[key] for key in lists(name)] for name in names], 1 + bool(changed)

    def _lists(self, keys: Mapping[str, str]) -> dict[str, list[Any]]:
        """Of each list of *keys*: length, newest, place of the old newest, oldest; and again the first two.

        The old newest is what *keys* say. Of a list of higher priority only its length is asked for, until it
        was seen with something in it; the rest is None.
        """
        asked = {key for key in keys if SEPARATOR not in key or key in self._used}
        pipe = self._client.pipeline(transaction=False)
        for key, newest in keys.items():
            pipe.llen(key)
            if key in asked:
                pipe.lindex(key, 0)
                pipe.lpos(key, newest, maxlen=SEARCHED)
                pipe.lindex(key, -1)
                pipe.llen(key)
                pipe.lindex(key, 0)
        found = iter(pipe.execute())
        rows = {key: [next(found) for _ in range(WIDE if key in asked else 1)] for key in keys}
        unasked = [None, None, None]
        return {key: row if key in asked else [*row, *unasked, *row, None] for key, row in rows.items()}

    def waiting(self, queue: str, most: int) -> Waiting:
        """Which tasks wait in *queue*: of at most *most* of them, at random. Raises `BrokerError`.

        They are fewer where tasks are large.
        """
        with translate_errors(self.name):
            lengths = self._lengths(queue)
            depth = sum(lengths.values())
            chosen = self._chance.sample(range(depth), min(depth, most))
            places = [place_of(number, lengths) for number in chosen]
            found = self._at(places[:FIRST])
            size = sum(map(len, found)) / max(1, len(found))
            found += self._at(places[FIRST : min(most, int(BYTES / max(1.0, size)))])
        tasks = Counter(task for task in map(task_of, found) if task)
        return Waiting(queue=queue, depth=depth, sampled=tasks.total(), tasks=tasks)

    def _lengths(self, queue: str) -> dict[str, int]:
        """The length of each list of *queue*."""
        pipe = self._client.pipeline(transaction=False)
        for key in lists(queue):
            pipe.llen(key)
        return dict(zip(lists(queue), pipe.execute(), strict=True))

    def _at(self, places: Iterable[tuple[str, int]]) -> list[bytes]:
        """What stands at *places*, as far as it is still there."""
        pipe = self._client.pipeline(transaction=False)
        for key, place in places:
            pipe.lindex(key, place)
        return [each for each in pipe.execute() if each is not None]

    def running(self, queues: Sequence[str]) -> list[Running]:  # noqa: ARG002 - workers tell of all
        """The jobs that run, by what workers tell."""
        return self._news.running()

    def owners(self, most: int) -> list[Owner]:
        """Who owns its memory, the greatest first, by *most* keys at random. Raises `BrokerError`."""
        with translate_errors(self.name):
            apart = [key for name in sorted({DEFAULT} | self._named | self._found) for key in lists(name)]
            queued = sizes(self._client, apart)
            met = met_keys(self._client, most, set(apart))
        return shares("waiting tasks", queued, ((owner_of(each.key), each) for each in met.keys), met.scale)

    def close(self) -> None:
        """Listen no more."""
        if self._channel:
            self._channel.close()


#: Of each list of a queue: its length, its newest task, the place of the last poll's newest, its oldest task;
#: then the length and the newest, read again.
Row = Sequence[Sequence[Any]]


def queue(name: str, row: Row, crew: Crew | None, clock: int) -> Queue:
    """The queue *name* of what Redis said of its lists."""
    first = [each for each in (published(oldest) for _, _, _, oldest, *_ in row) if each is not None]
    used = [each for each in row if each[0]]
    newest = used[0][1] if len(used) == 1 and len(used[0][1] or b"") <= LARGEST else None
    return Queue(
        name=name,
        depth=sum(each[0] for each in row),
        running=crew.running if crew else None,
        workers=crew.slots if crew else None,
        busy=crew.busy if crew else None,
        oldest=max(0, clock - min(first)) * 1000 if first else None,
        tail=as_text(newest) if newest else None,
        behind_tail=_behind(row),
    )


def _behind(row: Row) -> int | None:
    """Tasks that came after the newest of the poll before; None where that is gone."""
    places = [each[2] for each in row if each[2] is not None]
    others = sum(each[0] for each in row if each[2] is None)
    return places[0] + others if len(places) == 1 else None


def lists(queue: str) -> list[str]:
    """The keys of the lists of *queue*, one for each priority."""
    return [f"{queue}{SEPARATOR}{priority}" if priority else queue for priority in PRIORITIES]


def place_of(number: int, lengths: Mapping[str, int]) -> tuple[str, int]:
    """The list and the place in it of one of all tasks in lists of *lengths*."""
    for key, length in lengths.items():
        if number < length:
            return key, number
        number -= length
    raise ValueError(number)


def queue_of(member: bytes) -> str:
    """The queue in a *member* of the bindings of an exchange."""
    return as_text(member).rpartition(SEPARATOR)[2]


def published(message: bytes | None) -> int | None:
    """When slowtask's hook saw *message* published, in µs since the epoch; None without the hook."""
    try:
        found = decode(message or b"").headers.slowtask_published
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return None if found is None else round(found * 1_000_000)


def task_of(message: bytes) -> str | None:
    """The name of the task in *message*."""
    try:
        found = decode(message).headers.task
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return found[:NAME_LENGTH] if found else None


def owner_of(key: str) -> str:
    """Whose *key* is."""
    if key.startswith(("celery-task-meta-", "celery-taskset-meta-", "chord-unlock-")):
        return "results"
    if key in (HELD, f"{HELD}_index", f"{HELD}_mutex"):
        return "tasks that workers hold"
    return "Celery's own lists" if key.startswith("_kombu.") else "other programs"
