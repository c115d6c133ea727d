"""What the keys of Celery on Redis are used for, and whose results are kept."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Final

import msgspec

from slowtask.watch.broker.celery_lists import MAX_TASK_NAME, UNACKED_KEY
from slowtask.watch.broker.owners import OwnedKey, SampledKey

if TYPE_CHECKING:
    from redis import Redis

RESULT_PREFIX: Final = "celery-task-meta-"
RESULT_PREFIXES: Final = (RESULT_PREFIX, "celery-taskset-meta-", "chord-unlock-")
MAX_RESULT_BYTES: Final = 4_000_000  #: of the results that are read to tell whose they are


class Result(msgspec.Struct, frozen=True):
    """A result as a worker stores it. What the task returned isn't read."""

    name: str | None = None  #: of the task; only with Celery's setting `result_extended`


decode: Final = msgspec.json.Decoder(Result).decode


def find_owners(client: "Redis", keys: Sequence[SampledKey]) -> Iterable[OwnedKey]:
    """Find what each of *keys* is used for, and of results whose they are."""
    results = _read_results(client, keys)
    return (
        OwnedKey(owner=owner_of(key.key), key=key, task=task_of_result(results.get(key.key))) for key in keys
    )


def _read_results(client: "Redis", keys: Sequence[SampledKey]) -> Mapping[str, bytes]:
    """Read the results among *keys*, until they are `MAX_RESULT_BYTES`."""
    results = [key for key in keys if key.key.startswith(RESULT_PREFIX)]
    sums = accumulate(key.size for key in results)
    names = [key.key for key, size in zip(results, sums, strict=True) if size <= MAX_RESULT_BYTES]
    pipe = client.pipeline(transaction=False)
    for name in names:
        pipe.get(name)
    answers = pipe.execute(raise_on_error=False) if names else []
    return {name: answer for name, answer in zip(names, answers, strict=True) if isinstance(answer, bytes)}


def task_of_result(result: bytes | None) -> str | None:
    """Return the name of the task in a stored *result*; None if it has none, or isn't in JSON."""
    try:
        name = decode(result or b"").name
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return name[:MAX_TASK_NAME] if name else None


def owner_of(key: str) -> str:
    """Return what *key* is used for."""
    if key.startswith(RESULT_PREFIXES):
        return "results"
    if key in (UNACKED_KEY, f"{UNACKED_KEY}_index", f"{UNACKED_KEY}_mutex"):
        return "tasks that workers hold"
    return "Celery's own lists" if key.startswith("_kombu.") else "other programs"
