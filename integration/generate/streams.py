"""The package's data streams, and the fields of their records."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from slowtask.record.event import Run, types
from slowtask.record.sample import Alert, BrokerSample, QueueSample, Unparsed

ROOT: Final = Path(__file__).parent.parent.parent
PACKAGE: Final = ROOT / "integration" / "slowtask"
TEMPLATES: Final = ROOT / "elasticsearch" / "_component_template"


@dataclass(frozen=True, kw_only=True)
class Stream:
    """One data stream: its name in the package, the type of its data, and the records in it."""

    name: str
    kind: str
    records: tuple[type[msgspec.Struct], ...]
    reads: bool = True  #: an agent sends it lines; unparsed lines are routed to it

    @property
    def dataset(self) -> str:
        """`slowtask.run`, of the stream `logs-slowtask.run-default`."""
        return f"slowtask.{self.name}"

    @property
    def folder(self) -> Path:
        """Where its files are."""
        return PACKAGE / "data_stream" / self.name

    def types(self) -> dict[str, str]:
        """Elasticsearch's type of each field, in the order of a line."""
        return {name: kind for record in self.records for name, kind in types(record).items()}

    def mapping(self, name: str) -> dict[str, Any]:
        """How the project's own template maps a field."""
        told = json.loads((TEMPLATES / f"slowtask-{self.name}.json").read_text(encoding="utf-8"))
        return find(told["template"]["mappings"]["properties"], name)


STREAMS: Final = (
    Stream(name="run", kind="logs", records=(Run,)),
    Stream(name="queue", kind="metrics", records=(QueueSample, BrokerSample)),
    Stream(name="alert", kind="logs", records=(Alert,)),
    Stream(name="unparsed", kind="logs", records=(Unparsed,), reads=False),
)


def find(properties: dict[str, Any], name: str) -> dict[str, Any]:
    """The mapping of a dotted *name* in nested *properties*."""
    first, _, rest = name.partition(".")
    found: dict[str, Any] = properties[first]
    return find(found["properties"], rest) if rest else found


def files() -> Iterator[Path]:
    """Every file of the package."""
    return (path for path in sorted(PACKAGE.rglob("*")) if path.is_file())
