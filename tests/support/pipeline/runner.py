"""Runs Logstash's pipelines without Logstash: one JRuby, which Logstash is written in, for many batches.

    with Pipelines(java=…, jar=…, folder=Path("logstash"), environment={"SLOWTASK_DATE": "…"}) as pipelines:
        for event in pipelines.events([{"message": "…", "log": {"offset": 0}}]):
            event["@metadata"]["sent"]  # {"pipeline": …, "index": the stream, "id": the document's}

The configuration is `config/pipelines.yml` in the folder, and the files that it names, read by lscl. It needs
nothing else of the repository but the package slowtask; logstash.rb says what is done as Logstash does it.
"""

import json
import subprocess
import tempfile
from pathlib import Path

from pipeline import configuration
from slowtask.parse.grok import STANDARD

PROGRAM = Path(__file__).parent / "logstash.rb"
OPTIONS = ("-XX:TieredStopAtLevel=1", "-Xmx1g", "-Duser.timezone=UTC")


class RunnerError(Exception):
    """JRuby ended, or the configuration can't be run; says what JRuby said."""


class Pipelines:
    """All pipelines of a configuration, in one JRuby process; a context manager.

    *java* is the program, *jar* JRuby's, *folder* what the image has as /usr/share/logstash: `config`,
    `pipeline`, `patterns`. *environment* holds the variables that the settings name; the process's own aren't
    looked at. *options* are Java's.
    """

    def __init__(self, *, java, jar, folder, environment=None, options=OPTIONS):
        self._command = [str(java), *options, "-jar", str(jar), str(PROGRAM)]
        self._folder = Path(folder)
        self._environment = dict(environment or {})
        self._process = self._errors = None

    def __enter__(self):
        self._errors = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors
        )
        try:
            self.fresh()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """End the process; a second time does nothing."""
        if self._process is not None:
            self._process.stdin.close()
            self._process.wait(30)
            self._process.stdout.close()
            self._errors.close()
            self._process = None

    def fresh(self, *, folder=None, **environment):
        """Make all plugins anew in the same process, with *environment* beside what was given; gives self.

        *folder* is another configuration, until the next time.
        """
        given = {
            "SLOWTASK_PATTERNS": str(self._folder / "patterns"),
            "SLOWTASK_RUBY": str(self._folder / "ruby"),
        }
        given |= {"SLOWTASK_LOGSTASH_PASSWORD": "", "ELASTICSEARCH_HOSTS": ""}
        given |= self._environment | environment
        self._ask(
            do="load",
            pipelines=configuration.pipelines(folder or self._folder, given),
            patterns=dict(STANDARD),
            environment=given,
        )
        return self

    def events(self, batch):
        """What reaches an output of Elasticsearch of *batch* (dicts as the beats input gives them), in order.

        Each is the document, and `@metadata` with all that the filters left there, and in it `sent`: the
        pipeline, the stream (`index`) and the document's `id`.
        """
        return self._ask(do="events", events=list(batch))["events"]

    def refused(self, pipeline, letters):
        """What becomes of events that Elasticsearch refused of *pipeline*: pairs of such an event and why."""
        letters = [{"event": event, "reason": reason} for event, reason in letters]
        return self._ask(do="refused", pipeline=pipeline, letters=letters)["events"]

    def timed(self, pipeline, batch, times):
        """The seconds of CPU that *pipeline* and what it sends to take for *batch*, so many times over."""
        return self._ask(do="timed", pipeline=pipeline, events=list(batch), times=times)["seconds"]

    def tests(self, script):
        """Run the `test` blocks of a script: each expectation's name, and None or what is wrong."""
        return [tuple(each) for each in self._ask(do="tests", path=str(script))["results"]]

    def _ask(self, **asked):
        try:
            self._process.stdin.write(json.dumps(asked, default=float).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass
        answer = self._process.stdout.readline()
        if not answer:
            raise RunnerError(f"JRuby ended:\n{self.errors()[-3000:]}")
        answer = json.loads(answer)
        if "error" in answer:
            raise RunnerError("\n".join([answer["error"], *answer["at"]]))
        return answer

    def errors(self):
        """What JRuby said on stderr."""
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace")
