"""Stands in for Logstash where its image can't be had: it runs the project's pipelines as they are mounted.

Elastic's own server of Filebeat's protocol takes the lines (`lumber`), JRuby runs the filters
(`tests/support/pipeline`), and what comes out is stored as the output would: in the stream and under the id
that it names, by `create`. A batch is acknowledged once Elasticsearch has all of it: there is no queue
on disk.
"""

import json
import os
import subprocess
import sys
import time
from base64 import b64encode
from http import HTTPStatus
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from pipeline.runner import Pipelines

HOME = Path("/usr/share/logstash")
LONGEST = 16.0  #: seconds between two tries, as output.conf says
STORED = {HTTPStatus.CREATED, HTTPStatus.CONFLICT}  #: the second: it is there already
NEVER = {HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND}  #: it can't be stored: a dead letter


def main():
    print("This is slowtask's stand-in for Logstash: its pipelines, in JRuby.", flush=True)
    programs = {"java": "/usr/bin/java", "jar": "/opt/jruby-complete.jar"}
    options = ("-XX:TieredStopAtLevel=1", *os.environ["LS_JAVA_OPTS"].split(), "-Duser.timezone=UTC")
    with (
        Pipelines(**programs, folder=HOME, environment=os.environ, options=options) as pipelines,
        subprocess.Popen(["/opt/lumber", "0.0.0.0:5044"], stdin=-1, stdout=-1) as lumber,
    ):
        print("Lines are taken on port 5044.", flush=True)
        for batch in lumber.stdout:
            store(pipelines, pipelines.events(json.loads(batch)))
            lumber.stdin.write(b"stored\n")
            lumber.stdin.flush()
    sys.exit("The server of Filebeat's protocol ended.")


def store(pipelines, events):
    """Return once Elasticsearch has all *events*, or has refused them for good and what became of that."""
    waits = 1.0
    while events:
        answers = create(events)
        if answers is None or not any(status in STORED | NEVER for status, _ in answers):
            time.sleep(waits)
            waits = min(2 * waits, LONGEST)
            continue
        waits = 1.0
        events = left_over(pipelines, zip(events, answers, strict=True))


def left_over(pipelines, answered):
    """What has to be sent once more, and what the pipelines make of what was refused."""
    again, refused = [], {}
    for event, (status, reason) in answered:
        sent = event["@metadata"]["sent"]
        if status in NEVER:
            print(f"refused by {sent['index']}: {reason}", flush=True)
            refused.setdefault(sent["pipeline"], []).append((event, reason))
        elif status not in STORED:
            again.append(event)
    for pipeline, letters in refused.items():
        again += pipelines.refused(pipeline, letters)
    return again


def create(events):
    """The status and the reason of each event by one bulk request; None if there was no such answer."""
    lines = []
    for event in events:
        sent = event["@metadata"]["sent"]
        document = {name: value for name, value in event.items() if name != "@metadata"}
        lines += [{"create": {"_index": sent["index"], "_id": sent["id"]}}, document]
    try:
        items = bulk("".join(json.dumps(line) + "\n" for line in lines))["items"]
    except (HTTPError, URLError, OSError) as error:
        print(f"Elasticsearch took nothing: {error}", flush=True)
        return None
    return [(item["create"]["status"], item["create"].get("error")) for item in items]


def bulk(body):
    """Elasticsearch's answer to one bulk request, as the user that the settings name."""
    password = os.environ["SLOWTASK_LOGSTASH_PASSWORD"]
    user = f"{os.environ['SLOWTASK_LOGSTASH_USER']}:{password}"
    headers = {
        "Content-Type": "application/x-ndjson",
        "Authorization": f"Basic {b64encode(user.encode()).decode()}",
    }
    request = Request(f"{os.environ['ELASTICSEARCH_HOSTS']}/_bulk", body.encode(), headers)
    with urlopen(request, timeout=60) as answer:
        return json.load(answer)


if __name__ == "__main__":
    main()
