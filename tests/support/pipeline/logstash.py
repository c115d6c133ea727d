"""Logstash's pipelines for tests: one runner for each test process, JRuby from Maven, what Filebeat ships."""

import atexit
import re
from functools import cache
from pathlib import Path

import yaml

from documents import nested
from elastic.server import NoElasticsearchError, java, run
from pipeline.runner import Pipelines
from places import ROOT
from sharing import locked

HERE = Path(__file__).parent
FILTER = ROOT / "logstash" / "pipeline" / "filter.conf"
VERSION = "9.4.13.0"  # of JRuby: Logstash 9's own line
CACHE = ROOT / ".cache" / "jruby"
JAR = CACHE / f"jruby-complete-{VERSION}.jar"


class NoJRubyError(Exception):
    """It can't be had here; says why."""


def install():
    """Have JRuby in `.cache`. Raises `NoJRubyError`."""
    CACHE.mkdir(parents=True, exist_ok=True)
    try:
        with locked(CACHE / "lock"):
            if not JAR.exists():
                artifact = f"-Dartifact=org.jruby:jruby-complete:{VERSION}"
                run("mvn", "-q", "-B", "dependency:copy", artifact, f"-DoutputDirectory={CACHE}")
    except NoElasticsearchError as problem:
        raise NoJRubyError(str(problem)) from None


@cache
def pipelines():
    """The runner of this test process: one JRuby, started when first asked for, ended with the process."""
    runner = start()
    runner.__enter__()
    atexit.register(runner.close)
    return runner


def start():
    """A runner of its own, for scripts that lie elsewhere: in one process they would replace the others."""
    return Pipelines(java=java() / "bin" / "java", jar=JAR, folder=ROOT / "logstash")


def filtered(events, **environment):
    """The documents that fresh pipelines make of *events* (dicts as an input gives them), in order."""
    return [document(each) for each in pipelines().fresh(**environment).events(events)]


def document(event):
    """What is stored of an event that the pipelines gave, its id in it; names with dots taken apart."""
    stored = nested({name: value for name, value in event.items() if name != "@metadata"})
    inner = {"id": event["@metadata"]["sent"]["id"]} | stored.get("event", {})
    return stored | {"event": inner}


def shipped(path, *, joined=True):
    """What Filebeat makes of the log at *path*: an event a line, or *joined* by our multiline pattern."""
    status, offset, events = path.stat(), 0, []
    begins = re.compile(multiline())
    for raw in path.read_bytes().split(b"\n"):
        line = raw.decode(errors="replace").removesuffix("\r")
        if joined and events and not begins.search(line):
            events[-1]["message"] += "\n" + line
        else:
            events.append(event(line, path, status, offset))
        offset += len(raw) + 1
    return events


def together(path):
    """The log at *path* as one event, by an input that joins all that is written within some seconds."""
    first, *others = shipped(path, joined=False)
    return [first | {"message": "\n".join(each["message"] for each in [first, *others])}]


def used_patterns():
    """The patterns of sentences that the filter's scripts read."""
    scripts = (ROOT / "logstash" / "ruby" / "slowtask").glob("*.rb")
    text = "\n".join(path.read_text() for path in scripts)
    return set(re.findall(r'"((?:RQ|CELERY)_[A-Z_]+|SLOWTASK_TEXT)"', text))


def event(line, path, status, offset):
    """What Filebeat sends of *line*, and Logstash's beats input makes of it."""
    return {
        "message": line,
        "@timestamp": "2026-11-23T23:59:59.000Z",
        "agent": {"id": "a1", "type": "filebeat"},
        "host": {"name": "worker-1"},
        "log": {
            "offset": offset,
            "file": {"path": str(path), "inode": str(status.st_ino), "device_id": str(status.st_dev)},
        },
        "input": {"type": "filestream"},
        "tags": ["beats_input_codec_plain_applied"],
    }


@cache
def multiline():
    """The pattern of filebeat.yml that says which lines begin an event."""
    inputs = yaml.safe_load((ROOT / "filebeat" / "filebeat.yml").read_text())["filebeat.inputs"]
    parsers = [parser for each in inputs for parser in each.get("parsers", []) if "multiline" in parser]
    [pattern] = {parser["multiline"]["pattern"] for parser in parsers}
    return pattern


__all__ = ["Pipelines", "filtered", "install", "pipelines", "shipped"]
