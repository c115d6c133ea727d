"""Turn a cell into a document of Elasticsearch, and back.

The document's id is made of what the cell is of, so that a cell is stored once, however often it is written.
`_doc_count` makes Elasticsearch count the document as so many runs.
"""

from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

import msgspec

from slowtask.errors import SourceError
from slowtask.store.elastic.rolled.cell import Cell, Key
from slowtask.store.elastic.rolled.sketch import pack, unpack

DATASET: Final = "slowtask.hour"
BINS: Final = ("times", "waits")
#: The figures that a document has under `rollup` by their names in `Cell`, besides the bins.
FIGURES: Final = tuple(each.name for each in fields(Cell) if each.name not in {*BINS, "errors"})
ID_BYTES: Final = 15  #: of a hash; two of a billion cells are the same once in 10^18


def make_id(key: Key) -> str:
    """The id of the document of *key*."""
    return urlsafe_b64encode(sha256(msgspec.json.encode(key)).digest()[:ID_BYTES]).decode()


def make_document(key: Key, cell: Cell) -> dict[str, Any]:
    """The document of *cell*."""
    figures = {name: getattr(cell, name) for name in FIGURES}
    bins = {name: pack(getattr(cell, name)) for name in BINS}
    return {
        "@timestamp": datetime.fromtimestamp(key.start / 1000, UTC).isoformat().replace("+00:00", "Z"),
        "_doc_count": cell.runs,
        "event": {"dataset": DATASET},
        "task": {"name": key.task},
        **({} if key.queue is None else {"queue": {"name": key.queue}}),
        **({} if key.version is None else {"service": {"version": key.version}}),
        "rollup": {
            "span": key.span,
            **{name: each for name, each in (figures | bins).items() if each is not None},
        },
        **({"error": make_errors(cell)} if cell.errors else {}),
    }


def make_errors(cell: Cell) -> list[dict[str, Any]]:
    """The failures of *cell* by exception, most frequent first."""
    return [{"type": error, "count": count} for error, count in cell.errors.most_common()]


def read_cell(source: Mapping[str, Any]) -> Cell:
    """The cell of a document. Raises `SourceError` if it isn't one of ours."""
    rollup = source["rollup"]
    try:
        return Cell(
            **{name: rollup[name] for name in FIGURES if name in rollup},
            times=unpack(rollup.get("times")),
            waits=unpack(rollup.get("waits")),
            errors=Counter({each["type"]: each["count"] for each in source.get("error", ())}),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise SourceError(f"A rolled-up document can't be read ({error}): roll its hour up again.") from None


def read_key(source: Mapping[str, Any]) -> Key:
    """What a document's cell is of."""
    start = datetime.fromisoformat(source["@timestamp"])
    return Key(
        span=source["rollup"]["span"],
        start=int(start.timestamp() * 1000),
        task=source["task"]["name"],
        queue=source.get("queue", {}).get("name"),
        version=source.get("service", {}).get("version"),
    )
