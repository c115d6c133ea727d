"""Runs `logstash/pipeline/filter.conf` on events, without Logstash: in JRuby, which Logstash is written in.

The configuration is read by lscl; logstash.rb does what Logstash does with the three plugins that the filter
uses. Their Ruby and the patterns are run by the engine that Logstash runs them with.
"""

import json
import os
import re
import subprocess
from pathlib import Path

import yaml
from lscl.lang import LsclBlock, LsclConditions, LsclEqualTo, LsclSelector
from lscl.parser import parse_lscl

from elastic.server import NoElasticsearchError, java, run
from sharing import locked
from slowtask.grok import STANDARD, load, ours

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
FILTER = ROOT / "logstash" / "pipeline" / "filter.conf"
VERSION = "9.4.13.0"  # of JRuby: Logstash 9's own line
CACHE = ROOT / ".cache" / "jruby"
JAR = CACHE / f"jruby-complete-{VERSION}.jar"
OPTIONS = ("-XX:TieredStopAtLevel=1", "-Xmx1g", "-Duser.timezone=UTC")


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


def filtered(events, **environment):
    """What the filter makes of *events* (dicts as an input gives them), in order."""
    asked = {
        "steps": steps(FILTER.read_text()),
        "patterns": patterns(),
        "environment": {"SLOWTASK_PATTERNS": "patterns"} | environment,
        "events": list(events),
    }
    command = [str(java() / "bin" / "java"), *OPTIONS, "-jar", str(JAR), str(HERE / "logstash.rb")]
    neutral = {name: value for name, value in os.environ.items() if not name.startswith("SLOWTASK_")}
    done = subprocess.run(
        command, input=json.dumps(asked).encode(), capture_output=True, check=False, env=neutral
    )
    if done.returncode:
        raise AssertionError(done.stderr.decode()[:3000])
    return [json.loads(line) for line in done.stdout.splitlines()]


def patterns():
    """Ours and Logstash's own that they use, as grok finds them."""
    return dict(STANDARD) | ours()


def steps(text):
    """The filters of a configuration as logstash.rb takes them."""
    [block] = parse_lscl(text)
    return [step(each) for each in block.content]


def step(node):
    """One plugin, or the branches of a condition."""
    if isinstance(node, LsclBlock):
        return {"plugin": node.name, "settings": {each.name: each.content for each in node.content}}
    if isinstance(node, LsclConditions):
        branches = [[condition(each), [step(one) for one in inner]] for each, inner in node.conditions]
        rest = [[None, [step(one) for one in node.default]]] if node.default else []
        return {"branches": branches + rest}
    raise TypeError(node)


def condition(node):
    """The two kinds of condition that the filter has."""
    if isinstance(node, LsclSelector):
        return {"op": "field", "field": reference(node)}
    if isinstance(node, LsclEqualTo):
        return {"op": "==", "field": reference(node.first), "value": node.second}
    raise TypeError(node)


def reference(selector):
    """`[a][b]`."""
    return "".join(f"[{name}]" for name in selector.names)


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


def multiline():
    """The pattern of filebeat.yml that says which lines begin an event."""
    inputs = yaml.safe_load((ROOT / "filebeat" / "filebeat.yml").read_text())["filebeat.inputs"]
    [pattern] = [parser["multiline"]["pattern"] for each in inputs for parser in each.get("parsers", [])]
    return pattern


__all__ = ["filtered", "install", "load", "shipped"]
