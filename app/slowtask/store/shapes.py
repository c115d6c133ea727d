"""Let DuckDB read each kind of file as rows of one shape: a column for each field of a run.

The columns are made of the event, which is the one source of the fields' names and types. `sql/macros.sql`
builds on the readers that are made here.
"""

from collections.abc import Collection, Mapping
from itertools import groupby
from typing import Final

import msgspec

from slowtask.parse.rows import COLUMNS, EXTRA_COLUMNS
from slowtask.record.event import Run, types
from slowtask.store.fields import label_of

#: DuckDB's type for each of Elasticsearch's.
TYPES: Final[Mapping[str, str]] = {
    "date": "TIMESTAMPTZ",
    "keyword": "VARCHAR",
    "text": "VARCHAR",
    "long": "BIGINT",
    "short": "SMALLINT",
    "double": "DOUBLE",
    "object": "JSON",
}
#: Columns that aren't named as in `Run`; a stack trace is long, and nothing reads it.
RENAMED: Final[Mapping[str, str]] = {"timestamp": "ended", "start": "started"}
LEFT_OUT: Final = frozenset({"stack_trace"})
#: The columns of a run in the statements of `sql/`, with the field that each holds.
FIELDS: Final[Mapping[str, str]] = {
    RENAMED.get(each.name, each.name): each.encode_name
    for each in msgspec.structs.fields(Run)
    if each.name not in LEFT_OUT
}
FIELD_TYPES: Final[dict[str, str]] = {name: TYPES[kind] for name, kind in types().items()}
#: What a monitor's sample has beside these.
SAMPLE_TYPES: Final[dict[str, str]] = {
    "queue.depth": "BIGINT",
    "broker.name": "VARCHAR",
    "broker.capacity": "DOUBLE",
    "broker.memory.used": "BIGINT",
    "broker.memory.max": "BIGINT",
}
#: The types in a CSV file that the parser wrote, whose times are µs since the epoch.
CSV_TYPES: Final[Mapping[str, str]] = {
    **{name: FIELD_TYPES[field] for name, field in FIELDS.items()},
    "timestamp": "BIGINT",
    "started": "BIGINT",
    "source": "VARCHAR",
    "place": "BIGINT",
}
JSON_OPTIONS: Final = (
    "format = 'newline_delimited', ignore_errors = true, hive_partitioning = false, filename = true"
)
#: Where a line is; only the parser knows its offset.
PLACE: Final = "filename, NULL::BIGINT AS place"
CSV_OPTIONS: Final = "header = true, delim = ',', quote = '\"', escape = '\"', hive_partitioning = false"


def make_readers(*, full: bool = False) -> str:
    """The statements that make a macro for each kind of file, with the rows of its *files*.

    *full*: the parser wrote all columns that it knows, also those that name a single run.
    """
    return "".join(
        f"CREATE OR REPLACE TEMP MACRO {name}(files) AS TABLE {select};\n"
        for name, select in (
            ("read_flat", read_flat()),
            ("read_nested", read_nested("", f"columns = {{{_columns(_nested_types())}}}")),
            (
                "read_hits",
                read_nested("_source.", f"columns = {{'_source': '{_struct(_nested_types())}'}}"),
            ),
            ("read_packed", read_packed()),
            ("read_parsed", read_parsed(full=full)),
        )
    )


def json_columns() -> str:
    """The columns of a line with a run and their types, as `read_json` wants them."""
    return _columns(FIELD_TYPES)


def column_of(field: str, label: str) -> str:
    """The SQL of a run's value of *field*; *label* is the parameter that has the path of a label."""
    if label_of(field) is not None:
        return f"json_extract_string(labels, {label})"
    return next(f'"{name}"' for name, known in FIELDS.items() if known == field)


def label_path(field: str) -> str | None:
    """Where the label that *field* is stands in the labels, as a JSON Pointer; None for another field."""
    label = label_of(field)
    return None if label is None else "/" + label.replace("~", "~0").replace("/", "~1")


def read_flat() -> str:
    """Select runs and samples from JSON lines with dotted names. A line that isn't JSON is a row of NULLs."""
    fields = {name: type_ for name, type_ in FIELD_TYPES.items() if name in FIELDS.values()}
    columns = _columns(fields | SAMPLE_TYPES)
    picked = ", ".join(f'"{field}" AS {name}' for name, field in FIELDS.items())
    return (
        f'SELECT {picked}, "queue.depth" AS depth, "broker.name" AS broker, '
        'coalesce("broker.capacity", "broker.memory.used" / nullif("broker.memory.max", 0)) AS capacity, '
        f"{PLACE} FROM read_json(files, {JSON_OPTIONS}, columns = {{{columns}}})"
    )


def read_nested(prefix: str, columns: str) -> str:
    """Select runs from JSON lines in which the event, behind *prefix*, is nested; a field may be flat."""
    picked = ", ".join(f"{_nested(field, prefix)} AS {name}" for name, field in FIELDS.items())
    return f"SELECT {picked}, {PLACE} FROM read_json(files, {JSON_OPTIONS}, {columns})"


def read_packed() -> str:
    """Select runs from Parquet files that `slowtask pack` wrote; their ids may be of either type."""
    casts = {"id": "::VARCHAR", "task_id": "::VARCHAR"}
    picked = ", ".join(f'"{field}"{casts.get(name, "")} AS {name}' for name, field in FIELDS.items())
    return f"SELECT {picked}, {PLACE} FROM read_parquet(files, hive_partitioning = false, filename = true)"


def read_parsed(*, full: bool) -> str:
    """Select runs from CSV files that the parser wrote of other logs, with all columns if they are *full*."""
    names = (*COLUMNS, *EXTRA_COLUMNS) if full else COLUMNS
    picked = ", ".join(f"{_csv_value(name, field, names)} AS {name}" for name, field in FIELDS.items())
    columns = ", ".join(f"'{name}': '{CSV_TYPES[name]}'" for name in names)
    place = "source AS filename, place" if full else "NULL::VARCHAR AS filename, NULL::BIGINT AS place"
    return f"SELECT {picked}, {place} FROM read_csv(files, {CSV_OPTIONS}, columns = {{{columns}}})"


def _csv_value(name: str, field: str, names: Collection[str]) -> str:
    """The value of the column *name*, which holds *field*, in a CSV file with columns *names*; or NULL."""
    written = "timestamp" if name == "ended" else name
    if written not in names:
        return f"NULL::{FIELD_TYPES[field]}"
    return f'make_timestamptz("{written}")' if name in ("ended", "started") else f'"{written}"'


def _nested(field: str, prefix: str) -> str:
    """The value of *field* in a nested event: where it is nested, or flat all the same."""
    parent, _, name = field.rpartition(".")
    flat = f'{prefix}"{field}"'
    return f'coalesce({prefix}{parent}."{name}", {flat})' if parent else flat


def _nested_types() -> dict[str, str]:
    """The types of a nested event's parts, and of the same fields where they are flat."""
    fields = sorted(field for field in FIELDS.values() if "." in field)
    parts = {
        parent: _struct({field.rpartition(".")[2]: FIELD_TYPES[field] for field in group})
        for parent, group in groupby(fields, key=lambda field: field.rpartition(".")[0])
    }
    return parts | {field: FIELD_TYPES[field] for field in FIELDS.values()}


def _struct(types_: Mapping[str, str]) -> str:
    """The type of an object whose fields have *types_*."""
    return "STRUCT(" + ", ".join(f'"{name}" {type_}' for name, type_ in types_.items()) + ")"


def _columns(types_: Mapping[str, str]) -> str:
    """The entries of `columns` for `read_json`."""
    return ", ".join(f"'{name}': '{type_}'" for name, type_ in types_.items())
