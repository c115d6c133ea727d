"""No line, however strange, makes the reader fail, or try for long."""

import pytest

from fuzz import find_slow


@pytest.mark.slow
def test_no_line_is_read_for_long_or_makes_the_reader_fail():
    """A million lines: `python tests/support/fuzz.py 1000000`."""
    assert find_slow(20_000) == []
