"""Read the changes of alerts that a monitor sent to Elasticsearch."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import msgspec

from slowtask.record.sample import Alert
from slowtask.store import Query
from slowtask.store.alerts import MAX_ALERTS, drop_reminders
from slowtask.store.elastic.aggregations import QUEUE, make_filters, without
from slowtask.store.elastic.search import ALERTS, HIDDEN, Search


def read_alerts(runs: Search, query: Query) -> list[Alert]:
    """Read the newest changes of alerts' states in the period of *query*, of the namespaces of *runs*.

    There are none if this user may not read them.
    """
    search = runs.beside(ALERTS)
    with suppress(*HIDDEN):
        hits = fetch_alerts(search, query) if search else []
        found = [alert for hit in hits if (alert := decode_alert(hit))]
        return drop_reminders(sorted(found, key=lambda alert: alert.timestamp))
    return []


def fetch_alerts(search: Search, query: Query) -> list[dict[str, Any]]:
    """Fetch the newest alerts of *query*: those of its queues, and those of no queue."""
    filters = make_filters(Query(since=query.since, until=query.until))
    if query.queues:
        own = {"terms": {QUEUE: list(query.queues)}}
        filters.append({"bool": {"should": [own, without(QUEUE)]}})
    return search.fetch_newest(filters, MAX_ALERTS)


def decode_alert(hit: Mapping[str, Any]) -> Alert | None:
    """Decode an alert that Elasticsearch returns; None if it isn't one."""
    from slowtask.parse.ndjson import flatten  # noqa: PLC0415 - the parser, which rankings don't need

    with suppress(msgspec.ValidationError, ValueError):
        return msgspec.convert({"event.id": hit["_id"], **flatten(hit["_source"])}, Alert)
    return None
