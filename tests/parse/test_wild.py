"""Logs as people have them are read as a person reads them."""

import pytest

from wild import WILD, judge_case

CASES = sorted(path.stem for path in WILD.glob("*.log"))
#: The cases that aren't read yet. A case that is read must leave the list.
UNREAD: set[str] = set()


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.xfail(strict=True)] if name in UNREAD else []) for name in CASES],
)
def test_a_log_is_read_as_a_person_reads_it(name, tmp_path):
    judgement = judge_case(name, tmp_path)

    assert judgement.passes, judgement


def test_no_case_that_is_gone_is_listed():
    assert set(CASES) >= UNREAD


def test_every_log_has_what_is_expected_of_it():
    assert sorted(path.name.removesuffix(".expected.json") for path in WILD.glob("*.json")) == CASES
