"""One source for each field: what repeats a name or type of `event.py` and `sample.py` agrees with them.

The templates are held to them in test_elastic_setup.py, the documented table in test_docs.py.
"""

import json
import re

import msgspec
import pytest

from places import ROOT
from slowtask.record import event, sample
from slowtask.store.shapes import TYPES, make_readers

SQL = ROOT / "app" / "slowtask" / "store" / "sql"
RECORD = ROOT / "logstash" / "ruby" / "slowtask" / "ndjson.rb"  #: what the filter makes of JSON
DATASETS = {
    "slowtask.run": (event.Run,),
    "slowtask.queue": (sample.QueueSample, sample.BrokerSample),
    "slowtask.alert": (sample.Alert,),
}
FIELDS = {
    name: kind for kinds in DATASETS.values() for each in kinds for name, kind in event.types(each).items()
}


STATEMENTS = {path.name: path.read_text() for path in sorted(SQL.glob("*.sql"))} | {"readers": make_readers()}


@pytest.mark.parametrize("name", STATEMENTS)
def test_duckdb_reads_fields_of_ours_and_as_their_types(name):
    """In the SQL a column of a line is `'event.duration': 'BIGINT'`, or `"event.duration"` in a statement."""
    sql = re.sub(r"--.*", "", STATEMENTS[name])
    columns = dict(re.findall(r"'([@\w]+\.?[\w.]*)': '(\w+)'", sql))
    columns = {name: kind for name, kind in columns.items() if "." in name or "@" in name}

    assert {name: TYPES[FIELDS[name]] for name in columns} == columns
    assert set(re.findall(r'"([@\w]+\.[\w.]+|@\w+)"', sql)) <= FIELDS.keys()


def test_the_columns_of_the_ranking_are_read_at_all():
    assert "'event.duration': 'BIGINT'" in STATEMENTS["readers"]


def test_every_field_that_a_dashboard_names_is_ours():
    bundle = (ROOT / "kibana" / "slowtask.ndjson").read_text()
    named = {field for line in bundle.splitlines() for field in sources(json.loads(line))}

    assert "event.duration" in named
    assert named - {"___records___"} <= FIELDS.keys() | event.types(sample.Unparsed).keys()


def sources(value):
    """Every `sourceField` in *value*, also in JSON within JSON, as Kibana has it."""
    if isinstance(value, str) and value.startswith(("{", "[")):
        value = json.loads(value)
    if isinstance(value, dict):
        if isinstance(value.get("sourceField"), str):
            yield value["sourceField"]
        for each in value.values():
            yield from sources(each)
    elif isinstance(value, list):
        for each in value:
            yield from sources(each)


def test_the_filter_s_fields_are_the_records_own():
    """Names, order and types of `slowtask.record.event` and `sample`; `!` marks what no line lacks."""
    text = RECORD.read_text()
    for dataset, kinds in DATASETS.items():
        [table] = re.findall(rf'"{dataset}" => \{{(.*?)\}}', text, re.DOTALL)
        fields = dict(re.findall(r'"([@\w.]+)" => "(\w+)!?"', table))
        types = {name: kind for each in kinds for name, kind in event.types(each).items()}

        assert fields.keys() == types.keys()
        assert list(fields) == list(types)
        for name, kind in fields.items():
            assert kind == types[name] or types[name] in ("keyword", "object"), name


def test_the_filter_s_words_are_the_records_own():
    """The values that outcome, action and state may have."""
    [table] = re.findall(r"WORDS = \{(.*?)\}", RECORD.read_text(), re.DOTALL)
    words = {
        name: tuple(re.findall(r'"([\w-]+)"', listed))
        for name, listed in re.findall(r'"(\w+)" => \[(.*?)\]', table)
    }

    hints = {
        each.name: each.type for kind in (event.Run, sample.Alert) for each in msgspec.structs.fields(kind)
    }
    assert words == {
        "outcome": hints["outcome"].__args__,
        "action": hints["action"].__args__[0].__args__,
        "state": hints["state"].__args__,
    }


def test_the_filter_takes_names_of_queue_systems_as_long_as_the_record_does():
    least, most = re.findall(r"SYSTEM_LENGTHS = \((\d+)\.\.(\d+)\)", RECORD.read_text())[0]

    [meta] = event.Name.__metadata__
    assert (int(least), int(most)) == (meta.min_length, meta.max_length)
