"""A task that was looked at stays hidden, until it gets worse or of another kind."""

from dataclasses import replace
from datetime import date

import pytest

from figures import figures
from slowtask.rank.ranking import rank
from slowtask.rank.review import Entry, find_changes, make_entry, review_tasks

DAY = date(2026, 11, 3)


def task(mean=1.0, count=200, **others):
    """A task whose *count* runs took *mean* seconds."""
    [found] = rank([figures("shop.mail.send", mean * count, count=count)])
    return replace(found, **({"spread": "steady"} | others))


def looked_at(before, by="team-mail", **others):
    return replace(make_entry(before, DAY), by=by, **others)


def changes(before, after):
    return [change.what for change in find_changes(after, looked_at(before))]


def test_a_task_that_nobody_looked_at_is_shown():
    review = review_tasks([task()], {"shop.mail.send": looked_at(task(), by=" ")})

    assert (review.hidden, dict(review.worse)) == (frozenset(), {})


def test_a_task_that_somebody_looked_at_is_hidden():
    assert review_tasks([task()], {"shop.mail.send": looked_at(task())}).hidden == {"shop.mail.send"}


def test_a_task_that_got_worse_is_shown_with_a_sentence():
    review = review_tasks([task(4.4)], {"shop.mail.send": looked_at(task(2.1))})

    assert review.hidden == frozenset()
    assert review.worse["shop.mail.send"] == (
        "the mean was 2.1 s when team-mail looked at it on 3 Nov, now 4.4 s; "
        "the 95th percentile was 2.1 s, now 4.4 s"
    )


@pytest.mark.parametrize(
    ("before", "after", "what"),
    [
        ({}, {"mean": 1.3, "p95": 1.0}, ["the mean"]),
        ({}, {"mean": 1.1}, []),
        ({}, {"mean": 1.3, "count": 10}, []),
        ({}, {"mean": 1.3, "p95": 1.0, "deviation": 9.0}, []),
        ({}, {"p95": 1.6}, ["the 95th percentile"]),
        ({}, {"p95": 1.4}, []),
        ({}, {"p95": 9.0, "count": 50}, []),
        ({}, {"failures": 10, "failure_rate": 0.05}, ["the failure rate"]),
        ({}, {"failures": 4, "failure_rate": 0.05}, []),
        ({"failure_rate": 0.04}, {"failures": 10, "failure_rate": 0.05}, []),
        ({}, {"killed": 1}, ["the share of killed runs"]),
        ({"killed": 1}, {"killed": 2}, []),
        ({"killed": 3}, {"killed": 6}, ["the share of killed runs"]),
        ({}, {"spread": "spiky"}, ["the spread"]),
        ({"spread": "spiky"}, {"spread": "steady"}, []),
        ({}, {"spread": None}, []),
        ({"mean": 2.0}, {"mean": 1.0}, []),
    ],
)
def test_worse_is_what_is_clearly_worse(before, after, what):
    assert changes(task(**before), task(**after)) == what


def test_an_entry_without_figures_hides_for_good():
    assert find_changes(task(99, killed=9, failures=9), Entry(by="me")) == []


def test_unknown_times_are_never_worse():
    [lost] = rank([figures("lost", 0, timed=0, max=None, p50=None, p95=None, p99=None, deviation=None)])

    assert find_changes(lost, looked_at(task())) == []
