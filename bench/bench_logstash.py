"""JSON and stock lines through our Logstash filter, against the plainest filter there could be; in JRuby.

The plain one is json, date and mutate: it checks nothing. Both run in one process, in turns, by the
stand-in for Logstash of tests/support/pipeline/, whose events are Ruby objects: an event and its plugins
cost more there than in Logstash, a regular expression the same. docs/logstash.md says what a real one did.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests" / "support"))

from elastic.server import java  # noqa: E402 - of the tests, whose folder isn't a package's
from logs import line, made  # noqa: E402
from pipeline import logstash  # noqa: E402
from pipeline.runner import Pipelines  # noqa: E402

TARGET = 0.6
STOCK = (
    "rq-3.0.0-worker",
    "celery-5.7.0-prefork-worker",
)  #: stock logs, an event with a traceback is one line
OPTIONS = ("-Xmx2g", "-Duser.timezone=UTC")  #: with the optimising compiler, as Logstash runs
PLAIN = """
input { pipeline { address => plain } }
filter {
  json { source => "message" }
  date { match => ["@timestamp", "ISO8601"] }
  mutate {
    rename => { "event.id" => "[@metadata][slowtask_id]" }
    replace => { "[@metadata][slowtask_stream]" => "logs-slowtask.run-default" }
    remove_field => [
      "message", "agent", "log", "input", "ecs", "host", "event", "tags", "fields", "cloud", "container",
      "docker", "kubernetes", "orchestrator", "@version"
    ]
  }
}
output {
  elasticsearch { index => "%{[@metadata][slowtask_stream]}" document_id => "%{[@metadata][slowtask_id]}" }
}
"""
LISTED = """
- pipeline.id: plain
  path.config: /usr/share/logstash/pipeline/plain.conf
"""


def configuration(folder):
    """Our pipelines in *folder*, and beside them the plain one."""
    shutil.copytree(ROOT / "logstash", folder, dirs_exist_ok=True)
    (folder / "pipeline" / "plain.conf").write_text(PLAIN)
    with (folder / "config" / "pipelines.yml").open("a") as file:
        file.write(LISTED)
    return folder


def events(count):
    """Lines as a worker writes them, as Filebeat ships them."""

    class Status:
        st_dev, st_ino = 1, 2

    for number in range(count):
        run = made(
            task=f"shop.jobs.task{number % 50}", took=0.01 + number % 97, number=number,
            start=made().timestamp, action="finished", task_id=f"{number:032x}", attempt=1,
            wait=1_672_947_000, cpu=65_013_000, memory=97_067_008, queue="default", system="rq",
            worker=f"{number % 20:032x}", host="worker-1", pid=1199, service="shop", version="4.2.0",
        )  # fmt: skip
        yield logstash.event(
            line(run).decode(), Path("/var/log/slowtask/worker.ndjson"), Status, number * 600
        )


def stock(name, count):
    """*count* events of a golden log as Filebeat ships it, over and over; each stands elsewhere."""
    found = logstash.shipped(ROOT / "tests" / "parse" / "golden" / f"{name}.log")
    for number in range(count):
        event = found[number % len(found)]
        log = event["log"]
        yield event | {"log": log | {"offset": log["offset"] + number // len(found) * 1_000_000}}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=300_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    logstash.install()
    batches = {"json": list(events(500)), **{name: list(stock(name, 500)) for name in STOCK}}
    times = arguments.lines // 500
    with tempfile.TemporaryDirectory() as temporary:
        folder = configuration(Path(temporary) / "logstash")
        program = java() / "bin" / "java"
        with Pipelines(java=program, jar=logstash.JAR, folder=folder, options=OPTIONS) as running:
            report(running, batches, times, arguments.rounds)


def report(running, batches, times, rounds):
    """Each way in turn, *rounds* times, the first not counted; the medians and their ratios."""
    ways = {
        "plain": ("plain", "json"),
        "ours": ("slowtask-json", "json"),
        "ours, with the intake": ("slowtask", "json"),
        "careful": ("slowtask-stock", "json"),
        **{f"careful, {name}": ("slowtask-stock", name) for name in STOCK},
    }
    taken = {name: [] for name in ways}
    for turn in range(rounds + 1):
        for name, (pipeline, lines) in ways.items():
            share = times if "careful" not in name else max(1, times // 4)  # it is slow, and no target
            seconds = running.timed(pipeline, batches[lines], share)
            if turn:
                taken[name].append(seconds / share / 500 * 1e6)
    print(
        f"{times * 500:,} JSON lines of {len(batches['json'][0]['message'])} bytes, CPU of one thread, "
        f"median of {rounds}\n"
    )
    base = median(taken["plain"])
    for name, each in taken.items():
        print(
            f"{name:<37} {median(each):6.1f} µs a line   {base / median(each):5.2f} of the plain one's speed"
        )
    ratio = base / median(taken["ours"])
    print(f"\ntarget: ours ≥ {TARGET} of the plain filter's speed: {'met' if ratio >= TARGET else 'missed'}")


if __name__ == "__main__":
    main()
