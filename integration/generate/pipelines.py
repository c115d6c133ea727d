"""The ingest pipeline of each data stream that an agent writes to: read.painless with its fields."""

from typing import Any, Final, get_args, get_origin

import msgspec
import yaml
from msgspec import Meta

from generate.streams import PACKAGE, STREAMS, Stream
from slowtask.record.event import types

SCRIPT: Final = PACKAGE.parent / "read.painless"
#: The filter takes any word for it, since only a monitor writes it.
ANY_WORD: Final = {"verdict.state"}
LIMITS: Final = {"ge": "least", "le": "most", "min_length": "shortest", "max_length": "longest"}
FAILED: Final = (
    "{{{_ingest.on_failure_processor_type}}} {{{_ingest.on_failure_processor_tag}}} of "
    "{{{_ingest.pipeline}}} failed: {{{_ingest.on_failure_message}}}"
)


class Literal(str):
    """A text of several lines."""

    __slots__ = ()


class Flow(dict[str, Any]):
    """An object on one line."""


class Dumper(yaml.SafeDumper):
    """Writes them as their names say."""


Dumper.add_representer(
    Literal, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, "|")
)
Dumper.add_representer(
    Flow, lambda dumper, told: dumper.represent_mapping("tag:yaml.org,2002:map", told, flow_style=True)
)


def checks(stream: Stream) -> dict[str, Flow]:
    """What the script checks of each field, in the order of a line."""
    required = set.intersection(*(needed(record) for record in stream.records))
    found: dict[str, Flow] = {}
    for record in stream.records:
        kinds = types(record)
        for each in msgspec.structs.fields(record):
            name = each.encode_name
            told = {"type": kinds[name]} | ({"required": True} if name in required else {})
            found[name] = Flow(told | limits(name, each.type))
    return found


def needed(record: type[msgspec.Struct]) -> set[str]:
    """The fields that no line of such a record lacks."""
    return {each.encode_name for each in msgspec.structs.fields(record) if each.required}


def limits(name: str, annotation: Any) -> dict[str, Any]:
    """The values that a field may have, where its type doesn't say it all."""
    found: dict[str, Any] = {}
    for part in (annotation, *get_args(annotation)):
        if get_origin(part) is not None and str(part).startswith("typing.Literal") and name not in ANY_WORD:
            found["words"] = list(get_args(part))
        for meta in getattr(part, "__metadata__", ()):
            found |= meta_limits(meta)
    return found


def meta_limits(meta: Meta) -> dict[str, Any]:
    """The limits that the annotation of a whole number or a text has."""
    if meta.extra is not None and meta.extra["type"] == "double":
        return {}
    return {says: getattr(meta, key) for key, says in LIMITS.items() if getattr(meta, key) is not None}


def pipeline(stream: Stream) -> dict[str, Any]:
    """The pipeline as Elasticsearch has it."""
    words = {
        "run": "a run",
        "queue": "a sample of a queue or broker",
        "alert": "a change of an alert's state",
    }
    params = {"dataset": stream.dataset, "fields": checks(stream)}
    read = {
        "tag": "read_line",
        "description": f"A line becomes {words[stream.name]}, or an unparsed line with its reason.",
    }
    read |= {"lang": "painless", "params": params, "source": Literal(SCRIPT.read_text(encoding="utf-8"))}
    drop = {"tag": "drop_blank", "description": "A blank line tells nothing.", "if": "ctx.event == null"}
    return {
        "description": f"Reads slowtask's lines for the data stream {stream.dataset}.",
        "processors": [{"script": read}, {"drop": drop}],
        "on_failure": on_failure(),
    }


def on_failure() -> list[dict[str, Any]]:
    """A mistake of the pipeline loses no line."""
    keep = {"field": "event.original", "value": "{{{message}}}", "if": "ctx.message instanceof String"}
    told = {"event.kind": "pipeline_error", "event.dataset": "slowtask.unparsed"}
    told |= {"event.reason": "filter-error", "error.message": FAILED}
    sets = [keep, *({"field": name, "value": value} for name, value in told.items())]
    return [*({"set": each} for each in sets), {"remove": {"field": "message", "ignore_missing": True}}]


def written() -> dict[str, str]:
    """The files, by their path in the package."""
    return {
        f"data_stream/{stream.name}/elasticsearch/ingest_pipeline/default.yml": "---\n"
        + yaml.dump(pipeline(stream), Dumper=Dumper, sort_keys=False, allow_unicode=True, width=110)
        for stream in STREAMS
        if stream.reads
    }
