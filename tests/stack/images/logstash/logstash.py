"""Stands in for Logstash where its image can't be had: it runs the project's pipelines as they are mounted.

Elastic's own server of Filebeat's protocol takes the lines (`lumber`), JRuby runs the filters
(`tests/support/pipeline`), and what comes out is stored as the output would (`pipeline/output.py`). A batch
is acknowledged once Elasticsearch has all of it: there is no queue on disk.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from pipeline.output import Output
from pipeline.runner import Pipelines

HOME = Path("/usr/share/logstash")


def main():
    print("This is slowtask's stand-in for Logstash: its pipelines, in JRuby.", flush=True)
    programs = {"java": "/usr/bin/java", "jar": "/opt/jruby-complete.jar"}
    options = ("-XX:TieredStopAtLevel=1", *os.environ["LS_JAVA_OPTS"].split(), "-Duser.timezone=UTC")
    user, password = (os.environ[f"SLOWTASK_LOGSTASH_{name}"] for name in ("USER", "PASSWORD"))
    output = Output(os.environ["ELASTICSEARCH_HOSTS"], user, password)
    with (
        Pipelines(**programs, folder=HOME, environment=os.environ, options=options) as pipelines,
        subprocess.Popen(["/opt/lumber", "0.0.0.0:5044"], stdin=-1, stdout=-1) as lumber,
    ):
        print("Lines are taken on port 5044.", flush=True)
        for batch in lumber.stdout:
            output.store(pipelines, pipelines.events(json.loads(batch)))
            lumber.stdin.write(b"stored\n")
            lumber.stdin.flush()
    sys.exit("The server of Filebeat's protocol ended.")


if __name__ == "__main__":
    main()
