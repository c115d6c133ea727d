"""The fields of each data stream: types from the records, what is indexed from the project's templates."""

import re
from functools import cache
from typing import Any, Final

import yaml

from generate.streams import ROOT, STREAMS, Stream

#: Of samples, alerts and unparsed lines; those of a run are in docs/event.md.
MEANINGS: Final = {
    "queue.depth": "jobs that wait in it",
    "queue.running": "jobs that run now",
    "queue.scheduled": "jobs for a later time",
    "queue.deferred": "jobs that wait for other jobs",
    "queue.failed": "failed jobs that are kept",
    "queue.workers": "workers that serve it",
    "queue.busy": "workers that run a job",
    "queue.arrivals": "jobs that came since the last sample",
    "queue.departures": "jobs that left since the last sample",
    "queue.interval": "since the last sample",
    "queue.oldest": "how long the oldest job has waited",
    "queue.load": "arriving work ÷ what the workers can do; over 1 the queue grows",
    "verdict.state": "`ok`, `unknown`, `warning` or `critical`",
    "verdict.cause": "the alert that leads",
    "verdict.since": "since when",
    "broker.system": "`redis`, `valkey`, `rabbitmq`",
    "broker.name": "its address",
    "broker.policy": "Redis' `maxmemory-policy`",
    "broker.memory.used": "memory in use",
    "broker.memory.max": "memory that it may use",
    "broker.capacity": "use of its most-used limit, 0 to 1",
    "broker.limit": "which limit that is",
    "broker.full_in": "forecast: the time until it is full",
    "alert.name": "what is wrong: `queue-stalled`",
    "alert.state": "`ok`, `warning` or `critical`",
    "alert.value": "the value that was judged",
    "alert.threshold": "the threshold that it crossed",
    "alert.cause": "the alert that explains this one",
    "alert.blame": "the label to blame, as `tenant=acme`",
    "message": "what happened and what to do",
    "event.original": "the line, where it isn't a whole record",
    "log.file.path": "the file of the line",
    "log.offset": "where the line begins in it, in bytes",
    "data_stream.type": "`logs` or `metrics`",
    "data_stream.dataset": "the part of the stream's name that says what it holds",
    "data_stream.namespace": "the last part of the stream's name",
    "agent.id": "the Elastic Agent that sent it",
    "event.kind": "`pipeline_error` if the ingest pipeline failed",
}
#: What a field means in an unparsed line.
UNPARSED: Final = {
    "@timestamp": "when the line was read",
    "event.reason": "why it can't be read: `torn-json`, `wrong-field`",
    "error.message": "which field is wrong, or how the pipeline failed",
    "host.name": "the machine that has the file",
}
BYTES_OR_TIME: Final = {
    "queue.interval": "ns",
    "queue.oldest": "ns",
    "broker.full_in": "ns",
    "broker.memory.used": "bytes",
    "broker.memory.max": "bytes",
}
UNITS: Final = {"ns": "nanos", "bytes": "byte"}
ROW: Final = re.compile(r"^\| `([^`]+)` \|[^|]*\|([^|]*)\|([^|]*)\|", re.MULTILINE)
CUT: Final = re.compile(r"; the (?:first|second) key.*|, see below")  # what only that page has
LINK: Final = re.compile(r"\[([^]]+)\]\([^)]*\)")


@cache
def documented() -> dict[str, tuple[str, str]]:
    """The unit and the meaning of each field of a run, from the table of docs/event.md."""
    page = (ROOT / "docs" / "event.md").read_text(encoding="utf-8")
    return {
        name: (unit.strip(), CUT.sub("", LINK.sub(r"\1", says)).strip())
        for name, unit, says in ROW.findall(page)
    }


def meaning(stream: Stream, name: str) -> tuple[str, str]:
    """The unit and the meaning of a field; a field of several streams means what it means in a run."""
    if name == "event.dataset":
        return "", f"`{stream.dataset}`"
    unit, says = documented().get(name, ("", ""))
    says = UNPARSED.get(name, says) if not stream.reads else says
    return BYTES_OR_TIME.get(name, unit), MEANINGS.get(name, says)


def field(stream: Stream, name: str, kind: str) -> dict[str, Any]:
    """A field as the package's format has it."""
    unit, says = meaning(stream, name)
    found: dict[str, Any] = {"name": name, "type": kind}
    if kind == "object":
        found["object_type"] = "keyword"
    if unit in UNITS and kind in ("long", "double"):
        found["unit"] = UNITS[unit]
    mapped = stream.mapping(name)
    found |= {key: mapped[key] for key in ("index", "doc_values") if key in mapped}
    return found | {"description": says}


def own(stream: Stream) -> list[dict[str, Any]]:
    """The fields of the records."""
    return [field(stream, name, kind) for name, kind in stream.types().items() if name != "event.id"]


def base(stream: Stream) -> list[dict[str, Any]]:
    """The fields that Fleet needs, and what the pipeline may leave beside a record."""
    parts = {"type": stream.kind, "dataset": stream.dataset, "namespace": ""}
    found: list[dict[str, Any]] = [
        {"name": f"data_stream.{part}", "type": "constant_keyword"} | ({"value": value} if value else {})
        for part, value in parts.items()
    ]
    keyword = {"type": "keyword", "index": False, "doc_values": False}
    found += [{"name": "agent.id"} | keyword, {"name": "event.kind", "type": "keyword"}]
    beside = {"event.reason": {"type": "keyword"}, "error.message": {"type": "text", "index": False}}
    beside |= {"event.original": {"type": "text", "index": False}, "log.file.path": {"type": "keyword"}}
    beside |= {"log.offset": {"type": "long", "index": False}, "host.name": {"type": "keyword"}}
    found += [{"name": name} | how for name, how in beside.items() if name not in stream.types()]
    return [each | {"description": (MEANINGS | UNPARSED)[each["name"]]} for each in found]


def as_yaml(told: object) -> str:
    """*told* as YAML, keys in their order."""
    return yaml.safe_dump(told, sort_keys=False, allow_unicode=True, width=110)


def written() -> dict[str, str]:
    """The files, by their path in the package."""
    found = {}
    for stream in STREAMS:
        folder = f"data_stream/{stream.name}/fields"
        found[f"{folder}/base-fields.yml"] = as_yaml(base(stream))
        found[f"{folder}/fields.yml"] = as_yaml(own(stream))
    return found
