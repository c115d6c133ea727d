"""Runs the integration's ingest pipelines without a server, by Elasticsearch's own classes: Ingest.java.

    through("run", ["{…}", …])  # for each line what is stored: {"id": …, "index": …, "source": …}, or None

The classes are those of 7.10.2, the newest release whose ingest processors and Painless are on Maven Central.
The pipelines use nothing newer.
"""

import atexit
import json
import subprocess
from contextlib import suppress
from functools import cache

import yaml

from elastic.server import NoElasticsearchError, java, run
from places import ROOT
from sharing import locked

HERE = ROOT / "tests" / "support" / "ingest"
PACKAGE = ROOT / "integration" / "slowtask"
CACHE = ROOT / ".cache" / "ingest"
READY = CACHE / "lang-mustache-7.10.2.jar"
READ_AT = "2026-11-23T23:59:59.000Z"
STREAMS = ("run", "queue", "alert")


class IngestError(Exception):
    """It can't be had here, or it failed; says why."""


def install():
    """Have the classes in `.cache`. Raises `IngestError`."""
    CACHE.mkdir(parents=True, exist_ok=True)
    try:
        with locked(CACHE / "lock"):
            if not READY.exists():
                project = ["-f", HERE / "pom.xml", "dependency:copy-dependencies"]
                run("mvn", "-q", "-B", *project, f"-DoutputDirectory={CACHE}")
    except NoElasticsearchError as problem:
        raise IngestError(str(problem)) from None


def pipeline(stream):
    """The pipeline of a data stream of the package."""
    path = PACKAGE / "data_stream" / stream / "elasticsearch" / "ingest_pipeline" / "default.yml"
    return yaml.safe_load(path.read_text())


def sent(line, place=0):
    """What an Elastic Agent sends of a line that begins at *place* of its file."""
    return {
        "message": line,
        "@timestamp": READ_AT,
        "agent": {"id": "a1", "name": "worker-1", "type": "filebeat", "version": "9.3.0"},
        "data_stream": {"type": "logs", "dataset": "slowtask.run", "namespace": "default"},
        "ecs": {"version": "8.0.0"},
        "elastic_agent": {"id": "a1", "snapshot": False, "version": "9.3.0"},
        "event": {"dataset": "slowtask.run"},
        "host": {"name": "worker-1", "os": {"type": "linux"}},
        "input": {"type": "filestream"},
        "log": {"offset": place, "file": {"path": "/var/log/app.ndjson", "fingerprint": "f1"}},
    }


@cache
def process():
    """The Java of this test process, which has all pipelines; it ends with the process."""
    install()
    command = [java() / "bin" / "java", "-XX:TieredStopAtLevel=1", "-cp", f"{CACHE}/*", HERE / "Ingest.java"]
    started = subprocess.Popen(
        list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    atexit.register(end, started)
    tell(started, {stream: pipeline(stream) for stream in STREAMS})
    return started


def end(started):
    """End it."""
    started.stdin.close()
    started.wait(30)


def tell(started, asked):
    """Send it one line."""
    started.stdin.write(json.dumps(asked).encode() + b"\n")
    started.stdin.flush()


def through(stream, sources):
    """What the pipeline of *stream* makes of *sources*, each a document or a line. Raises `IngestError`."""
    return [
        answer({"pipeline": stream, "index": f"logs-slowtask.{stream}-default", "source": source})
        for source in (
            each if isinstance(each, dict) else sent(each, place) for place, each in enumerate(sources)
        )
    ]


def answer(asked):
    """What became of one document."""
    with suppress(BrokenPipeError):  # it has ended, and says why
        tell(process(), asked)
    line = process().stdout.readline()
    if not line:
        raise IngestError(process().stderr.read().decode()[-3000:])
    return json.loads(line)


def cases(stream):
    """The test lines of a data stream: a file of lines, as elastic-package has them."""
    return sorted((PACKAGE / "data_stream" / stream / "_dev" / "test" / "pipeline").glob("test-*.log"))


def fed(path):
    """What elastic-package feeds of a file of lines: each with the fields of test-common-config.yml."""
    fields = yaml.safe_load((path.parent / "test-common-config.yml").read_text())["fields"]
    return [fields | {"message": line} for line in path.read_text().split("\n") if line]


def expected(stream, path):
    """What elastic-package expects of a file of lines."""
    stored = [each and each["source"] for each in through(stream, fed(path))]
    return json.dumps({"expected": stored}, indent=4, sort_keys=True, ensure_ascii=False) + "\n"


def sample(stream):
    """What is stored of the first test line, with what an agent and Elasticsearch add."""
    line = cases(stream)[0].read_text().split("\n")[0]
    kind = "metrics" if stream == "queue" else "logs"
    own = {"type": kind, "dataset": f"slowtask.{stream}", "namespace": "default"}
    [stored] = through(stream, [sent(line) | {"data_stream": own}])
    return json.dumps(stored["source"], indent=4, sort_keys=True, ensure_ascii=False) + "\n"


def written():
    """The files that are made by running the pipelines, by their path in the package."""
    found = {}
    for stream in STREAMS:
        for path in cases(stream):
            place = path.with_name(f"{path.name}-expected.json").relative_to(PACKAGE)
            found[str(place)] = expected(stream, path)
        found[f"data_stream/{stream}/sample_event.json"] = sample(stream)
    return found
