"""Reads a topic as a Logstash with kafka.conf does, and stores it: a program that tests kill.

The consumer is the Java client that Logstash's input has, with the input's settings; JRuby runs the
project's pipelines; what comes out is stored as the output would. Offsets are committed once
Elasticsearch has the lines: a Logstash commits them once they are in its queue on disk, which this hasn't.
"""

import json
import os
import re
import subprocess
import sys

from elastic.server import java
from kraft.server import jvm
from pipeline.configuration import options_of
from pipeline.logstash import JAR
from pipeline.output import Output
from pipeline.runner import Pipelines
from places import ROOT

LOGSTASH = ROOT / "logstash"
STRATEGIES = {"cooperative_sticky": "org.apache.kafka.clients.consumer.CooperativeStickyAssignor"}
#: Settings of the input that aren't the client's.
OWN = {"id", "topics", "codec", "consumer_threads", "decorate_events"}
#: How long a member may be silent: six seconds rather than two minutes.
SHORTER = {"session.timeout.ms": "6000", "heartbeat.interval.ms": "1000"}


def settings(name, environment):
    """The client's settings by the input file *name*, with *environment*'s variables in them."""
    found = {}
    for option, value in options_of(LOGSTASH / "pipeline" / f"{name}.conf", "kafka").items():
        if option not in OWN:
            found[option.replace("_", ".")] = substituted(STRATEGIES.get(value, value), environment)
    return found | SHORTER


def substituted(text, environment):
    """*text* with the variables that it names."""
    return re.sub(r"\$\{(\w+)(?::([^}]*))?\}", lambda it: environment.get(it[1], it[2]), str(text))


def main():
    client = [
        f"{name}={value}" for name, value in settings(os.environ["SLOWTASK_INTAKE"], os.environ).items()
    ]
    access = [os.environ[name] for name in ("ELASTICSEARCH_HOSTS", "INDEXER_USER", "INDEXER_PASSWORD")]
    output = Output(*access, ca=os.environ.get("INDEXER_CA"), longest=2.0)
    command = jvm("slowtask.Consumer", os.environ["KAFKA_TOPIC"], *client)
    with (
        Pipelines(
            java=java() / "bin" / "java", jar=JAR, folder=LOGSTASH, environment=os.environ
        ) as pipelines,
        subprocess.Popen(command, stdin=-1, stdout=-1) as consumer,
    ):
        print("It reads.", flush=True)
        for batch in consumer.stdout:
            events = json.loads(batch)
            output.store(pipelines, pipelines.events(events))
            consumer.stdin.write(b"stored\n")
            consumer.stdin.flush()
            note(events)
    sys.exit("The consumer ended.")


def note(events):
    """Say which partitions these were of, so that a test knows who reads what."""
    partitions = sorted({each["@metadata"]["kafka"]["partition"] for each in events})
    print(f"stored {len(events)} of {partitions}", flush=True)


if __name__ == "__main__":
    main()
