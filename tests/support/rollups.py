"""Runs in an Elasticsearch, and what `slowtask rollup` makes of them."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime

from documents import stored
from logs import made
from slowtask.store.elastic.client import connect
from slowtask.store.elastic.rolled import streams
from slowtask.store.elastic.rolled.document import read_cell, read_key
from slowtask.store.elastic.search import Search
from slowtask.store.elastic.store import Elastic

LATER = datetime(2027, 1, 1, tzinfo=UTC)  # long after all runs


class Site:
    """A data stream of runs of a test's own."""

    def __init__(self, client, access, namespace):
        self.client, self.access, self.runs = client, access, access.path
        self.cells = f"metrics-slowtask.hour-{namespace}"
        self.elastic = Elastic(access)

    def store(self, runs):
        assert not stored(self.client, self.runs, runs)
        return self

    def roll_up(self, now=LATER, access=None):
        """What was written: the spans, and how many documents of each."""
        steps = list(streams.roll_up_streams(access or self.access, now))
        return [(step.span, step.runs, step.cells) for step in steps]

    def found(self, span="hour"):
        """The cells of *span* by what they are of, and with what name they are stored."""
        hits = self.client.search(index=self.cells, size=10_000, query={"term": {"rollup.span": span}})
        sources = [each["_source"] for each in hits["hits"]["hits"]]
        return {read_key(each): read_cell(each) for each in sources}

    def forget(self):
        """Delete all runs, as the retention does."""
        old = self.client.indices.rollover(alias=self.runs)["old_index"]
        self.client.indices.delete(index=old)

    def search(self, access):
        """What searches the runs, by another *access*."""
        return Search(connect(access), self.runs, access.host)

    def user(self, role):
        """The way to it as a user of the test's own."""
        name = password = uuid.uuid4().hex
        self.client.security.put_user(username=name, password=password, roles=[role])
        return replace(self.access, username=name, password=password)


def spread(count, *, every, **fields):
    """*count* runs, one of them *every* so many seconds."""
    return [
        made(number=every * n, task=f"jobs.t{n % 3}", took=(1 + n * 37 % 100) / 7, **fields)
        for n in range(count)
    ]
