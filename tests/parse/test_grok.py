"""Grok patterns in Python."""

import re
from itertools import pairwise

import pytest

from slowtask.parse.grok import (
    FOLDER,
    REFERENCE,
    STANDARD,
    Grok,
    compile_pattern,
    parse_patterns,
    read_shipped_patterns,
)
from slowtask.shipped import shipped_path

PATTERNS = shipped_path(FOLDER) / "slowtask"


def test_a_reference_is_replaced_by_its_pattern():
    pattern = Grok("LINE", {"LINE": "a %{WORD} b", "WORD": r"\w+|-"})

    assert pattern.match(b"a xyz b")
    assert not pattern.match(b"a  b")


def test_a_field_keeps_what_it_matches_in_the_order_of_the_groups():
    patterns = {
        "LINE": "%{PAIR:[both]} %{WORD:[last]}",
        "PAIR": "%{WORD:[one][a]}=%{WORD:[two]}",
        "WORD": r"\w+",
    }
    pattern = Grok("LINE", patterns)

    assert pattern.fields == ("[both]", "[one][a]", "[two]", "[last]")
    assert pattern.match(b"k=v end").groups() == (b"k=v", b"k", b"v", b"end")


def test_comments_and_blank_lines_are_no_patterns():
    assert parse_patterns("# A comment\n\nNAME a b \\d+\n") == {"NAME": r"a b \d+"}


def test_an_undefined_pattern_is_refused():
    with pytest.raises(ValueError, match="NONE is not defined"):
        Grok("LINE", {"LINE": "%{NONE}"})


def test_a_pattern_in_itself_is_refused():
    with pytest.raises(ValueError, match="contains itself"):
        Grok("A", {"A": "%{B}", "B": "%{A}"})


def test_a_pattern_whose_fields_were_shifted_is_refused():
    with pytest.raises(ValueError, match="RQ_OK has the fields"):
        compile_pattern("RQ_OK", "[task][id]")


@pytest.mark.parametrize("name", sorted(set(read_shipped_patterns()) - set(STANDARD)))
def test_each_of_our_patterns_means_the_same_to_logstash(name):
    """No construct that Oniguruma reads otherwise, and no group but of these four kinds."""
    expression = REFERENCE.sub("", read_shipped_patterns()[name])

    assert not re.search(r"\(\?(?![:=!>])|\\[wbBAZzGKkgph]|[+*?}]\+", expression)
    assert "[[" not in re.sub(r"\\.", "", expression)
    assert "(" not in re.sub(r"\\.|\[(?:\\.|[^\]])*\]|\(\?[:=!>]", "", expression)


def test_each_pattern_stands_under_a_comment_with_its_sample_or_is_part_of_one_that_does():
    lines = PATTERNS.read_text().splitlines()
    kept = [line.split(" ")[0] for before, line in pairwise(lines) if before.startswith("#")]

    assert {"SLOWTASK_TEXT", "RQ_START", "RQ_DONE", "RQ_OK", "CELERY_DONE", "CELERY_RAISED"} <= set(kept)
