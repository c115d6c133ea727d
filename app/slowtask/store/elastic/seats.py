"""Count how many runs the workers could do at once, as `store/sql/seats.sql` does for files.

That is the number of RQ workers seen in an hour, in all but the busiest twentieth of the hours. A worker of
Celery's runs several tasks at once, in processes whose ids the templates keep out of the index.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from slowtask.store.elastic.aggregations import Aggregation

CELERY: Final = "celery"
WITHIN: Final = 95  #: percent of the hours
MAX_EXACT: Final = 3000  #: workers in an hour that are counted exactly

SEATS: Final[dict[str, Aggregation]] = {
    "unknown": {
        "filter": {
            "bool": {"filter": [{"term": {"queue.system": CELERY}}, {"exists": {"field": "worker.name"}}]}
        }
    },
    "hours": {
        "date_histogram": {"field": "@timestamp", "fixed_interval": "1h", "min_doc_count": 1},
        "aggs": {"workers": {"cardinality": {"field": "worker.name", "precision_threshold": MAX_EXACT}}},
    },
}


def read_workers(answer: Mapping[str, Any]) -> int | None:
    """How many workers there were, of the answer to `SEATS`; None if that isn't known."""
    if not answer or answer["unknown"]["doc_count"]:
        return None
    counts = [each["workers"]["value"] for each in answer["hours"]["buckets"]]
    return usual_most([count for count in counts if count])


def usual_most(counts: Sequence[int]) -> int | None:
    """The 95th percentile of *counts*, one of them; None if there is none."""
    place = -(-WITHIN * len(counts) // 100) - 1
    return sorted(counts)[place] if counts else None
