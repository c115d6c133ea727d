"""Events as Logstash stores them: nested, by `create`, `event.id` as the document's own id only."""

from contextlib import contextmanager

import msgspec
from elasticsearch import helpers

from slowtask.record import event


def nested(record):
    """A flat record of a line with its dotted names taken apart."""
    found = {}
    for name, value in record.items():
        *path, leaf = name.split(".")
        inner = found
        for part in path:
            inner = inner.setdefault(part, {})
        inner[leaf] = value
    return found


def actions(records, index):
    """The bulk actions that store the flat *records* in the data stream *index*."""
    for record in records:
        source = {name: value for name, value in record.items() if name != "event.id"}
        yield {"_op_type": "create", "_index": index, "_id": record["event.id"], "_source": nested(source)}


def stored(client, index, runs):
    """Store *runs*, and make them found; returns the errors, of which there should be none."""
    _, errors = helpers.bulk(
        client, actions(map(event.fields, runs), index), raise_on_error=False, stats_only=False
    )
    client.indices.refresh(index=index)
    return errors


def samples(client, index, records):
    """Store samples or alerts (structs); returns the errors."""
    plain = [msgspec.to_builtins(each) for each in records]
    _, errors = helpers.bulk(client, actions(plain, index), raise_on_error=False)
    client.indices.refresh(index=index)
    return errors


@contextmanager
def another_template(client, name, **template):
    """Another template than ours for the index or stream *name*, which no other test uses."""
    client.indices.put_index_template(name=name, index_patterns=[name], priority=1000, **template)
    try:
        yield
    finally:
        client.indices.delete_index_template(name=name)
