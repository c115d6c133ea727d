"""The judge of the logs as people have them is right itself."""

from datetime import UTC, datetime

import msgspec
import pytest

from logs import made
from wild import judge

WANTED = {
    "task": "jobs.thumb",
    "outcome": "success",
    "action": "finished",
    "seconds": 1.0,
    "within": 0.1,
    "end": "2026-11-06T09:00:00Z",
    "lines": [2],
}
RUN = made()


@pytest.fixture
def verdict():
    """The verdict on *runs* and *complaints* of a log of one run, in line 2."""

    def verdict(*runs, complaints=(), **more):
        expected = {"runs": [WANTED | more], "chatter": [1]}
        return judge(expected, runs, complaints).verdict

    return verdict


def test_what_is_expected_is_right(verdict):
    assert verdict(RUN) == "right"


@pytest.mark.parametrize(
    "run",
    [
        made(took=1.2),
        made(took=None),
        made(number=60),
        made(task="jobs.other"),
        made(outcome="failure"),
    ],
)
def test_another_run_is_wrong(verdict, run):
    assert verdict(run) == "wrong"


def test_a_run_told_twice_is_wrong(verdict):
    assert verdict(RUN, RUN) == "wrong"


def test_a_run_that_is_missing_needs_a_complaint_about_one_of_its_lines(verdict):
    assert verdict(complaints=[(1, "unknown")]) == "silent"
    assert verdict(complaints=[(2, "unknown")]) == "refused"


def test_a_complaint_is_fair_only_where_a_refusal_is(verdict):
    assert verdict(complaints=[(2, "no time")], either=True) == "fair"


def test_a_duration_that_the_log_cannot_tell_must_lie_within_its_bounds(verdict):
    assert verdict(made(took=None), seconds=None) == "right"
    assert verdict(RUN, seconds=None) == "wrong"
    assert verdict(RUN, seconds=None, most=5.0) == "right"
    assert verdict(RUN, seconds=None, least=5.0) == "wrong"


def test_without_a_date_the_time_of_day_counts(verdict):
    midnight = msgspec.structs.replace(RUN, timestamp=datetime(2026, 1, 1, 23, 59, 59, tzinfo=UTC))

    assert verdict(midnight, end=None, clock="00:00:00") == "right"
    assert verdict(midnight, end=None, clock="12:00:00") == "wrong"


def test_a_complaint_about_chatter_is_noise():
    judgement = judge({"runs": [WANTED], "chatter": [1]}, [RUN], [(1, "unknown")])

    assert judgement.noise == [1]
    assert not judgement.passes


def test_as_much_noise_as_is_allowed_is_none():
    judgement = judge({"runs": [WANTED], "chatter": [1], "notices": 1}, [RUN], [(1, "unknown")])

    assert judgement.passes
