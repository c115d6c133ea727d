"""Each pattern means the same to Elasticsearch's own grok, whose engine is Logstash's, and to the parser."""

import re
import subprocess
from itertools import chain

import pytest
from conftest import missing

from elastic import server
from pipeline import carried, kinds, odd
from pipeline.logstash import used_patterns
from places import GOLDEN, TESTS
from slowtask.parse.grok import Grok, read_shipped_patterns
from slowtask.parse.peel import find_sentences, peel
from wild import WILD

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("patterns")]

LOGS = [*sorted(GOLDEN.glob("*.log")), *sorted(WILD.glob("*.log"))]
HEAD = Grok("CELERY_HEAD", read_shipped_patterns())  #: Celery's own
LONGEST = 64 * 1024  # no longer line reaches a pattern
READABLE = re.compile(r"[^\0\r]+").fullmatch  #: as one line of text
PROGRAM = TESTS / "support" / "pipeline" / "Grok.java"


@pytest.fixture(scope="module")
def lines():
    """Every line of the logs, the odd ones, and what is within their wrappers and behind their heads."""
    texts = [path.read_bytes().decode(errors="replace") for path in LOGS]
    known = chain.from_iterable(kinds.kinds().values())
    found = [line for text in chain(texts, known, odd.lines(), carried.lines()) for line in text.split("\n")]
    whole = [line for each in found if (line := each.removesuffix("\r")).strip() and len(line) < LONGEST]
    return list(dict.fromkeys(part for line in whole for part in (line, *parts(line)) if READABLE(part)))


def parts(line):
    """What is within the wrappers of *line* and behind its head, as the patterns meet it."""
    _, text, head = peel(line.encode())
    own = HEAD.match(text)
    places = [own.end() + 1] if own else [at for at, _ in find_sentences(text, head)]
    return [each.decode() for each in (text, *(text[at:] for at in places))]


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
        fields = dict(each.replace("\\t", "\t").split("=", 1) for each in captures)
        fields.pop("whole", None)
        found[name, int(number)] = fields
    return found


def by_python(name, line):
    """What the parser's own grok finds; of a field that stands twice in a pattern, as Java shows both."""
    pattern = Grok(name, read_shipped_patterns())
    match = pattern.match(line.encode())
    if match is None:
        return None
    found = {}
    for field, value in zip(pattern.fields, match.groups(), strict=True):
        if value:
            found.setdefault(field, []).append(value.decode())
    return {
        field: values[0] if len(values) == 1 else f"[{', '.join(values)}]" for field, values in found.items()
    }


@pytest.mark.parametrize("name", sorted(read_shipped_patterns()))
def test_a_pattern_finds_the_same_in_every_line(name, lines, matched):
    for number, line in enumerate(lines):
        expected, found = by_python(name, line), matched.get((name, number))

        assert (found is None) == (expected is None), line
        assert {key: value for key, value in (found or {}).items() if value} == (expected or {}), line


def test_every_pattern_of_the_filter_has_a_line(matched):
    assert used_patterns() - {name for name, _ in matched} == set()
