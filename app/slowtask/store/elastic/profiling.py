"""Read the profile of a task: its figures by aggregations, its messages and longest runs from documents."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Final

from slowtask.store import BadLines, Measurement, Query
from slowtask.store.elastic.aggregations import (
    DURATION,
    MICROSECONDS,
    WORKER,
    Aggregation,
    Filter,
    Percentiles,
    choose_percentiles,
    make_filters,
    percentiles,
)
from slowtask.store.elastic.bins import make_extent
from slowtask.store.elastic.documents import read_messages, read_worst
from slowtask.store.elastic.figures import count_bad, count_times
from slowtask.store.elastic.groups import make_groups, make_slots, read_groups, read_slots
from slowtask.store.elastic.search import Search
from slowtask.store.elastic.summary import SUMMARY, make_summary
from slowtask.store.fields import TASK
from slowtask.store.profile import Choose, Ending, Kill, Profile, match_names, nulls_last, seconds
from slowtask.store.slots import choose_width

LEADING_SLOTS: Final = 40  #: of time, in the profiles of a report
LEADING_MESSAGES: Final = 500  #: of failed runs, in the profiles of a report
MAX_MESSAGES: Final = 5000  #: of failed runs, the newest
MAX_KILLS: Final = 20
TOTAL: Final[dict[str, Aggregation]] = {"total": {"sum": {"field": DURATION}}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """How much of a task is read."""

    slots: int  #: of time, at most
    messages: int  #: of failed runs, the newest
    percentiles: Percentiles = percentiles  #: of each slot and group


def read_profile(search: Search, wanted: str, query: Query, choose: Choose, slots: int) -> Profile:
    """Read the profile of the task that *wanted* names, or ends the name of.

    What its jobs waited behind isn't in it.

    Raises `SlowtaskError`.
    """
    measurement = Measurement(figures=(), bad=count_bad(search, query), source=search.host)
    names = list_names(search, query)
    if not names:
        search.require()
    task = choose(match_names(names, wanted), measurement)
    with ThreadPoolExecutor() as pool:
        whole = pool.submit(search.aggregate, make_filters(query), TOTAL)
        found = profile_task(search, task, query, Detail(slots=slots, messages=MAX_MESSAGES))
        profile = replace(found, measurement=measurement)
        total, own = seconds(whole.result()["total"]["value"]), profile.summary.total
    return replace(profile, share=own / total if total and own is not None else None)


def profile_leading(
    search: Search, measurement: Measurement, query: Query, tasks: Sequence[str]
) -> tuple[Profile, ...]:
    """Read the profiles of *tasks*, without what their jobs waited behind: that needs each run."""
    figures = {each.task: each for each in measurement.figures}
    whole = sum(each.total for each in measurement.figures)
    described = replace(measurement, figures=())
    chosen = choose_percentiles(sum(each.count for each in measurement.figures))
    detail = Detail(slots=LEADING_SLOTS, messages=LEADING_MESSAGES, percentiles=chosen)
    with ThreadPoolExecutor() as pool:
        found = pool.map(lambda task: profile_task(search, task, query, detail), tasks)
        return tuple(
            replace(
                each,
                measurement=described,
                share=figures[each.task].total / whole if whole and figures[each.task].timed else None,
            )
            for each in found
        )


def list_names(search: Search, query: Query) -> list[str]:
    """List the names of all tasks."""
    groups = search.list_groups(make_filters(query), {"task": TASK}, {})
    return [each["key"]["task"] for each in groups if each["key"]["task"] is not None]


def profile_task(search: Search, task: str, query: Query, detail: Detail) -> Profile:
    """Read all that is known of *task* but its share and what its jobs waited behind."""
    filters = [*make_filters(query), {"term": {TASK: task}}]
    with ThreadPoolExecutor() as pool:
        worst = pool.submit(read_worst, search, filters)
        exceptions = pool.submit(read_messages, search, filters, detail.messages)
        endings = pool.submit(read_endings, search, filters)
        kills = pool.submit(read_kills, search, filters)
        answer = search.aggregate(filters, SUMMARY | make_groups(detail.percentiles))
        summary = make_summary(answer)
        extent = {task: make_extent(answer["times"])} if summary.timed else {}
        bins = pool.submit(count_times, search, query, extent)
        width, unit = choose_width(summary.first, summary.last, detail.slots)
        found, unnamed, unread = exceptions.result()
        return Profile(
            task=task,
            measurement=Measurement(figures=(), bad=BadLines(), source=search.host),
            summary=summary,
            share=None,
            bins=bins.result().get(task, {}),
            width=width,
            unit=unit,
            slots=read_slots(search.aggregate(filters, make_slots(width, unit, detail.percentiles))),
            fields=read_groups(answer),
            endings=endings.result(),
            messages=found,
            unnamed=unnamed,
            unread=unread,
            kills=kills.result(),
            worst=worst.result(),
        )


def read_endings(search: Search, filters: list[Filter]) -> list[Ending]:
    """Count the ways in which runs ended, the most frequent first."""
    aggs = TOTAL | {"timed": {"value_count": {"field": DURATION}}}
    found = [
        Ending(
            outcome=each["key"]["outcome"],
            action=each["key"]["action"],
            count=each["doc_count"],
            total=seconds(each["total"]["value"]) if each["timed"]["value"] else None,
        )
        for each in search.list_groups(filters, {"outcome": "event.outcome", "action": "event.action"}, aggs)
    ]
    return sorted(found, key=lambda each: (-each.count, *nulls_last(each.outcome, each.action)))


def read_kills(search: Search, filters: list[Filter]) -> list[Kill]:
    """Count the killed runs by the reason, the host and the worker."""
    fields = {"reason": "event.reason", "host": "host.name", "worker": WORKER}
    aggs = {"memory": {"max": {"field": "task.memory"}}, "last": {"max": {"field": "@timestamp"}}}
    killed = [*filters, {"term": {"event.action": "killed"}}]
    found = [
        Kill(
            **each["key"],
            count=each["doc_count"],
            memory=None if each["memory"]["value"] is None else int(each["memory"]["value"]),
            last=int(each["last"]["value"]) * MICROSECONDS,
        )
        for each in search.list_groups(killed, fields, aggs)
    ]
    return sorted(
        found, key=lambda each: (-each.count, -each.last, *nulls_last(each.reason, each.host, each.worker))
    )[:MAX_KILLS]
