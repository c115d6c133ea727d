"""Read the runs in an Elasticsearch: by aggregations where they can answer, else one by one."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from elasticsearch import ApiError, Elasticsearch

from slowtask.record.event import Run
from slowtask.record.sample import Alert, BrokerSample, QueueSample
from slowtask.store import Comparison, Measurement, Query
from slowtask.store.columns import Columns
from slowtask.store.comparison import make_comparison
from slowtask.store.elastic.access import Access
from slowtask.store.elastic.aggregations import make_filters
from slowtask.store.elastic.alerts import read_alerts
from slowtask.store.elastic.client import check_version, connect, translate_errors
from slowtask.store.elastic.figures import count_bad
from slowtask.store.elastic.history import count_history
from slowtask.store.elastic.hits import decode_hit
from slowtask.store.elastic.newest import read_newest
from slowtask.store.elastic.profiling import LEADING_SLOTS, profile_leading, read_profile
from slowtask.store.elastic.rolled.history import count_all_history
from slowtask.store.elastic.rolled.measuring import measure_all
from slowtask.store.elastic.rolled.profiling import profile_rolled_leading, read_rolled_profile
from slowtask.store.elastic.rolled.reading import find_end
from slowtask.store.elastic.search import ALL_RUNS, Search
from slowtask.store.elastic.unsuitable import explain_unsuitable
from slowtask.store.fields import LABELS, SHORT_NAMES
from slowtask.store.history import History
from slowtask.store.profile import Choose, Profile

MAX_FIELDS: Final = 500  #: to ask for at once


class Elastic:
    """A store in Elasticsearch. The path of its address names the data streams; without one, all of them."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._index = access.path or ALL_RUNS
        self._client: Elasticsearch | None = None
        self._done: float | None = None  #: of the runs that are fetched one by one

    def progress(self) -> float | None:
        """How many of the runs are fetched, 0 to 1; None while the server aggregates: it doesn't tell."""
        return self._done

    def measure(self, query: Query, *, workers: bool = True) -> Measurement:
        """Measure each task over the runs of *query*, and count *workers*. Raises `ElasticsearchError`."""
        with self._answer() as search:
            return measure_all(search, query, workers=workers)[0]

    def compare(self, before: Query, after: Query) -> Comparison:
        """Compare the runs of *before* with those of *after*. Raises `ElasticsearchError`."""
        with self._answer() as search:
            with ThreadPoolExecutor(2) as pool:  # one waits for the server while the other reads its answer
                sides = pool.map(partial(measure_all, search, times=True), (before, after))
            (first, first_times), (second, second_times) = sides
            return make_comparison(first, second, (first_times, second_times))

    def fields(self, query: Query) -> tuple[str, ...]:
        """Find the fields by which the runs of *query* can be grouped. Raises `ElasticsearchError`."""
        with self._answer() as search:
            labels = search.client.field_caps(index=self._index, fields=f"{LABELS}*", types="keyword")[
                "fields"
            ]
            names = [*SHORT_NAMES.values(), *sorted(each for each in labels if each.startswith(LABELS))]
            exists = {name: {"exists": {"field": name}} for name in names[:MAX_FIELDS]}
            found = search.aggregate(make_filters(query), {"known": {"filters": {"filters": exists}}})
            buckets = found["known"]["buckets"] if found else {}
            return tuple(name for name in names if name in buckets and buckets[name]["doc_count"])

    def history(
        self, query: Query, choose: Callable[[Measurement], Sequence[str]], *, profiled: int = 0
    ) -> History:
        """Count the runs of *query* over time, separately for the tasks that *choose* picks.

        The first *profiled* of these also get a profile. Raises `ElasticsearchError`, and `SourceError` if
        there is no run.
        """
        with self._answer() as search:
            measurement, _ = measure_all(search, query, workers=True)
            tasks = choose(measurement)
            if measurement.history:
                history = count_all_history(search, measurement, query, tasks)
                leading = tasks[:profiled]
                pages = profile_rolled_leading(search, measurement, query, leading, LEADING_SLOTS)
                return replace(history, profiles=pages)
            with ThreadPoolExecutor() as pool:
                profiles = pool.submit(profile_leading, search, measurement, query, tasks[:profiled])
                history = count_history(search, measurement, query, tasks)
            return replace(history, profiles=self._add_behind(search, profiles.result(), query))

    def profile(self, task: str, query: Query, choose: Choose, slots: int) -> Profile:
        """Read all that is known of *task*, over time in at most *slots* slots.

        *choose* gets the names of tasks that may be meant, or of all. Raises `SlowtaskError`.
        """
        with self._answer() as search:
            if rolled := read_rolled_profile(search, task, query, choose, slots):
                return rolled
            profile = read_profile(search, task, query, choose, slots)
            [whole] = self._add_behind(search, [profile], query)
            return whole

    def find_end_of_history(self, query: Query) -> datetime | None:
        """Until when the runs of *query* are rolled up, so that single ones are gone; None: never."""
        with self._answer() as search:
            return find_end(search, query)

    def columns(self, query: Query) -> Columns:
        """Fetch the runs of *query* with a known wait and run time, for a replay. Raises `SourceError`."""
        with self._answer() as search:
            from slowtask.store.elastic.fetched import read_columns  # noqa: PLC0415 - DuckDB, slow to import

            columns = read_columns(search, query, self._note)
            return replace(columns, bad=count_bad(search, query), source=self._access.host)

    def alerts(self, query: Query) -> Sequence[Alert]:
        """Read the newest changes of alerts in the period of *query*. Raises `ElasticsearchError`."""
        with self._answer() as search:
            return read_alerts(search, query)

    def monitored(self, span: timedelta) -> list[QueueSample | BrokerSample | Alert]:
        """Read what a monitor sent in the last *span* before its newest sample, and the alerts of a day.

        Raises `ElasticsearchError`. A stream that this user may not read is as if it had nothing.
        """
        with self._answer() as search:
            return read_newest(search, span)

    def recent(self, since: datetime | None, limit: int) -> list[Run]:
        """Fetch the last *limit* runs that ended at or after *since*. Raises `ElasticsearchError`."""
        with translate_errors(self._access):
            found = self._connect().search(
                index=self._index,
                size=limit,
                track_total_hits=False,
                ignore_unavailable=True,
                allow_partial_search_results=False,
                query={"bool": {"filter": make_filters(Query(since=since))}},
                sort=[{"@timestamp": {"order": "desc", "unmapped_type": "date"}}],
                source_excludes=["error.stack_trace", "error.message"],
            )
        return [run for hit in found["hits"]["hits"] if (run := decode_hit(hit))]

    def _add_behind(self, search: Search, profiles: Sequence[Profile], query: Query) -> tuple[Profile, ...]:
        """Add to *profiles* what the jobs of each task waited behind."""
        if not profiles:
            return ()
        from slowtask.store.elastic.fetched import add_behind  # noqa: PLC0415 - DuckDB, slow to import

        return add_behind(search, profiles, query, self._note)

    def _note(self, done: int, count: int) -> None:
        """Note how many of the runs are fetched."""
        self._done = done / count if done < count else None

    def _connect(self) -> Elasticsearch:
        """The client. The server's version is checked once."""
        if self._client is None:
            client = connect(self._access)
            check_version(client, self._access)
            self._client = client
        return self._client

    @contextmanager
    def _answer(self) -> Iterator[Search]:
        """Give a block the indices to ask; its errors say what to do."""
        with translate_errors(self._access):
            client = self._connect()
            try:
                yield Search(client, self._index, self._access.host)
            except ApiError as error:
                raise explain_unsuitable(error, self._access.host, self._index) or error from None
            finally:
                self._done = None
