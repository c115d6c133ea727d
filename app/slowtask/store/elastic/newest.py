"""Read what a monitor last sent to Elasticsearch: the samples of its last poll, and the alerts of a day."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from slowtask.record.sample import Alert, BrokerSample, QueueSample
from slowtask.store import Query
from slowtask.store.elastic.aggregations import make_filters
from slowtask.store.elastic.alerts import decode_alert, fetch_alerts
from slowtask.store.elastic.search import ALERTS, SAMPLES, Search

MAX_SAMPLES: Final = 10_000  #: the most that one answer may have; a poll of so many queues is still whole
REPEATED: Final = timedelta(days=1)  #: an alert that lasts is sent again within this time


def read_newest(runs: Search, span: timedelta) -> list[QueueSample | BrokerSample | Alert]:
    """Read the samples of the last *span* before the newest one, and the alerts before it, in order of time.

    They are those of the namespaces of *runs*; none if the runs are in an index of another name.
    """
    samples, alerts = runs.beside(SAMPLES), runs.beside(ALERTS)
    if samples is None or alerts is None or not (newest := samples.fetch_newest([], 1)):
        return []
    at = datetime.fromtimestamp(newest[0]["sort"][0] / 1000, UTC)
    hits = samples.fetch_newest(make_filters(Query(since=at - span)), MAX_SAMPLES)
    told = fetch_alerts(alerts, Query(since=at - REPEATED))
    found = [*map(decode_sample, hits), *map(decode_alert, told)]
    return sorted(filter(None, found), key=lambda each: each.timestamp)


def decode_sample(hit: Mapping[str, Any]) -> QueueSample | BrokerSample | None:
    """Decode a sample that Elasticsearch returns; None if it isn't one."""
    from slowtask.parse.ndjson import flatten  # noqa: PLC0415 - the parser, which rankings don't need

    record = {"event.id": hit["_id"], **flatten(hit["_source"])}
    with suppress(msgspec.ValidationError, ValueError):
        if "broker.name" in record:
            return msgspec.convert(record, BrokerSample)
        return msgspec.convert(record, QueueSample)
    return None
