"""Each pattern means the same to Elasticsearch's own grok, whose engine is Logstash's, and to the parser."""

import re
import subprocess

import pytest
from conftest import missing

from elastic import server
from pipeline import odd
from pipeline.logstash import FILTER
from places import GOLDEN, TESTS
from slowtask.parse.grok import Grok, read_shipped_patterns

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("patterns")]

LOGS = sorted(GOLDEN.glob("*.log"))
LONGEST = 64 * 1024  # no longer line reaches a pattern
PROGRAM = TESTS / "support" / "pipeline" / "Grok.java"


@pytest.fixture(scope="module")
def lines():
    """Every golden line and the odd ones, as the patterns meet them."""
    texts = [path.read_bytes().decode(errors="replace") for path in LOGS]
    found = [line for text in [*texts, *odd.lines()] for line in text.split("\n")]
    return [line for each in found if (line := each.removesuffix("\r")).strip() and len(line) < LONGEST]


@pytest.fixture(scope="module")
def matched(lines):
    """What Elasticsearch's grok finds: `{(pattern, number of the line): {field: value}}`."""
    try:
        server.install()
    except server.NoElasticsearchError as problem:
        missing(f"Elasticsearch's grok ({problem})")
    asked = "".join(f"{name}\t{expression}\n" for name, expression in read_shipped_patterns().items())
    command = [server.java() / "bin" / "java", "-cp", f"{server.HOME}/lib/*", PROGRAM]
    done = subprocess.run(
        command, input=f"{asked}\n" + "\n".join(lines), capture_output=True, text=True, check=True
    )
    found = {}
    for row in done.stdout.removesuffix("\n").split("\n"):
        name, number, *captures = row.split("\t")
        fields = dict(each.split("=", 1) for each in captures)
        fields.pop("whole", None)
        found[name, int(number)] = fields
    return found


def by_python(name, line):
    """What the parser's own grok finds."""
    pattern = Grok(name, read_shipped_patterns())
    match = pattern.match(line.encode())
    if match is None:
        return None
    pairs = zip(pattern.fields, match.groups(), strict=True)
    return {field: value.decode() for field, value in pairs if value}


@pytest.mark.parametrize("name", sorted(read_shipped_patterns()))
def test_a_pattern_finds_the_same_in_every_line(name, lines, matched):
    for number, line in enumerate(lines):
        expected, found = by_python(name, line), matched.get((name, number))

        assert (found is None) == (expected is None), line
        assert {key: value for key, value in (found or {}).items() if value} == (expected or {}), line


def test_every_pattern_of_the_filter_has_a_line(matched):
    used = set(re.findall(r"%\{(\w+):\[@metadata\]\[is\]", FILTER.read_text()))

    assert used
    assert used - {name for name, _ in matched} == set()
