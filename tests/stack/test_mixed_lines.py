"""One filter for all lines: what came before a line, of whatever kind and log, changes nothing of it.

Every test here sends all its lines through one instance and holds the outcome against `slowtask parse`.
"""

import json
import random
from itertools import chain, product
from pathlib import Path

import pytest

from pipeline import carried, logstash, odd
from pipeline.kinds import kinds
from pipeline.parsing import DAY, parsed, runs, unparsed
from places import GOLDEN
from slowtask.parse.grok import Grok, read_shipped_patterns
from slowtask.parse.ndjson import flatten
from slowtask.parse.peel import find_sentences, peel

pytestmark = pytest.mark.usefixtures("jruby")

LOGS = sorted(GOLDEN.glob("*.log"))
KINDS = kinds()
ORDERS = 24
RETURNS = 4
HEAD = Grok("CELERY_HEAD", read_shipped_patterns())  #: Celery's own


def written(folder, name, lines):
    """A log of *lines*; those of several lines are a line with its traceback."""
    path = folder / f"{name}.log"
    path.write_bytes("\n".join(lines).encode() + b"\n")
    return path


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    """A log for each kind, the odd lines, and the golden logs; the events that Filebeat ships of each."""
    folder = tmp_path_factory.mktemp("mixed")
    mine = [written(folder, f"kind{place}", lines) for place, lines in enumerate(KINDS.values())]
    strange = [written(folder, each.__name__, each.lines()) for each in (odd, carried)]
    paths = [*mine, *strange, *LOGS]
    return {path: logstash.shipped(path) for path in paths}


@pytest.fixture(scope="module")
def expected(logs):
    """What `slowtask parse` makes of each log alone."""
    return {path: parsed(path) for path in logs}


@pytest.fixture(scope="module")
def one(jruby):
    """The one instance, for all orders: none begins with a clean one."""
    return logstash.pipelines().fresh(SLOWTASK_DATE=DAY)


def by_log(events):
    """The documents of each log: the filter keeps no path of a run, so the case goes along as metadata."""
    found = {}
    for event in events:
        found.setdefault(event["@metadata"]["case"], []).append(flatten(logstash.document(event)))
    return found


def marked(events, case):
    """*events* that tell by metadata which case they are of."""
    return [event | {"@metadata": {"case": case}} for event in events]


def interleaved(logs, seed):
    """The events of all logs in a random order that keeps that of each log."""
    order = [path for path, events in logs.items() for _ in events]
    random.Random(seed).shuffle(order)
    left = {path: iter(marked(events, str(path))) for path, events in logs.items()}
    return [next(left[path]) for path in order]


def wrong(found, expected):
    """The logs whose events aren't those of `slowtask parse`."""
    return [
        Path(path).name
        for path, events in ((path, found.get(str(path), [])) for path in expected)
        if (runs(events), unparsed(events)) != expected[path]
    ]


@pytest.mark.parametrize("seed", range(ORDERS))
def test_all_logs_at_once_in_any_order_give_what_each_gives_alone(seed, logs, expected, one):
    print(f"seed {seed}")
    again = {path: rotated(events, seed) for path, events in logs.items()}

    found = by_log(one.events(interleaved(again, seed)))

    assert wrong(found, expected) == []


def rotated(events, seed):
    """*events* as of a log of another name, which the filter hasn't seen."""
    renamed = []
    for event in events:
        log = event["log"]
        file = log["file"] | {
            "path": f"{log['file']['path']}.{seed}",
            "inode": f"{log['file']['inode']}.{seed}",
        }
        renamed.append(event | {"log": log | {"file": file}})
    return renamed


@pytest.mark.parametrize("seed", range(RETURNS))
def test_lines_that_are_sent_again_change_nothing(seed, logs, one):
    """Filebeat and Kafka go back some lines if they don't learn that these have arrived."""
    print(f"seed {seed}")
    chance = random.Random(seed)

    for path, events in logs.items():
        once = stored(one.events(rotated(events, f"{seed}-once")))
        again = stored(one.events(going_back(rotated(events, f"{seed}-again"), chance)))
        assert again == once, path.name


def going_back(events, chance):
    """*events* as they come from a sender that now and then goes back, up to 20 of them."""
    at = furthest = 0
    while at < len(events):
        yield events[at]
        at += 1
        furthest = max(at, furthest)
        if at == furthest and chance.random() < 0.1:
            at -= chance.randint(1, min(20, at))


def stored(events):
    """What is stored of *events*, each id once, without what the name of their log is in."""
    documents = {}
    for event in events:
        document = flatten(logstash.document(event))
        documents.setdefault(document["event.id"], document | {"event.id": None, "log.file.path": None})
    return sorted(json.dumps(each, sort_keys=True) for each in documents.values())


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """A log for each ordered pair of kinds."""
    folder = tmp_path_factory.mktemp("pairs")
    names = list(KINDS)
    return {
        (first, second): written(folder, f"{a}-{b}", [*KINDS[first], *KINDS[second]])
        for (a, first), (b, second) in product(enumerate(names), enumerate(names))
    }


def test_any_kind_of_line_may_follow_any_other(pairs, one):
    """In one log and through one instance."""
    expected = {path: parsed(path) for path in pairs.values()}
    shipped = chain.from_iterable(marked(logstash.shipped(path), str(path)) for path in pairs.values())

    found = by_log(one.events(shipped))

    bad = set(wrong(found, expected))
    assert [pair for pair, path in pairs.items() if path.name in bad] == []


def test_the_kinds_have_every_sentence():
    """A pattern that the filter reads needs a kind here."""
    lines = [line for each in chain.from_iterable(KINDS.values()) for line in each.split("\n")]
    sentences = list(chain.from_iterable(sentences_of(each) for each in lines))
    groks = {name: Grok(name, read_shipped_patterns()) for name in logstash.used_patterns()}

    assert [name for name, grok in groks.items() if not any(map(grok.match, sentences))] == []


def sentences_of(line):
    """*line* as it is, and behind its wrappers and its head."""
    _, text, head = peel(line.encode())
    own = HEAD.match(text)
    places = [own.end() + 1] if own else [at for at, _ in find_sentences(text, head)]
    return [line.encode(), text, *(text[at:] for at in places)]


def test_the_kinds_give_every_reason_but_those_of_odd_times(pairs):
    """Those stand among the odd lines, which are in every order too."""
    found = {reason for path in pairs.values() for _, reason in parsed(path)[1]}

    assert found >= {
        "torn-json", "not-an-event", "wrong-field", "malformed", "unknown-format", "no-task-name", "binary",
        "nul-bytes", "too-long", "bad-duration", "bad-time", "no-time", "lost-process",
    }  # fmt: skip
