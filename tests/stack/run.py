"""The whole path in Docker: as many records stored as attempts were made, also while services are killed.

`make test-stack`. It runs a stack of its own, on ports of its own, beside yours, and removes it with its
data. It takes about ten minutes and the memory of a second stack.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from base64 import b64encode
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PROJECT = "slowtask-test"
PORTS = {"KIBANA_PORT": "15601", "ELASTICSEARCH_PORT": "19200", "BEATS_PORT": "15044"}
JOBS = 300  #: of each round
OUTAGE = 20  #: seconds that a service stays killed
PATIENCE = 180  #: seconds for the last record to be stored
STREAM = "logs-slowtask.run-default"
LOG = "/var/log/slowtask/slowtask.ndjson"
ALL = {"size": 10_000, "_source": False}  #: more than all rounds' attempts; event.id is kept as _id only
ENQUEUE = """
import os, sys
from rq import Queue
from redis import Redis
from slowtask.demo.demo import QUEUE, enqueue
enqueue(Queue(QUEUE, connection=Redis.from_url(os.environ["RQ_REDIS_URL"])), int(sys.argv[1]))
"""
WAITING = """
import os
from redis import Redis
redis = Redis.from_url(os.environ["RQ_REDIS_URL"])
print(redis.llen("rq:queue:slowtask-demo") + redis.zcard("rq:wip:slowtask-demo"))
"""


class Stack:
    """A stack of the test's own: `with Stack(folder) as stack:`."""

    def __init__(self, folder):
        self._env = folder / ".env"
        subprocess.run(["sh", ROOT / "docker" / "make-env.sh", self._env], check=True)
        self.settings = dict(
            line.split("=", 1) for line in self._env.read_text().splitlines() if line[:1] not in ("", "#")
        )
        self.settings |= PORTS | {"COMPOSE_PROFILES": "queue"}  # the test is the producer
        self._env.write_text("".join(f"{name}={value}\n" for name, value in self.settings.items()))
        self.url = f"http://127.0.0.1:{PORTS['ELASTICSEARCH_PORT']}"

    def __enter__(self):
        lasting = [each for each in self.compose("config", "--services").split() if each != "dashboards"]
        try:
            self.compose("up", "--detach", "--build", "--wait", *lasting)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.compose("down", "--volumes", "--remove-orphans")

    def compose(self, *arguments):
        """What `docker compose` prints; it ends the test where it fails."""
        names = self.settings.keys() | {"COMPOSE_FILE", "COMPOSE_PROJECT_NAME"}
        done = subprocess.run(
            ["docker", "compose", "--project-name", PROJECT, "--env-file", self._env, *arguments],
            cwd=ROOT,
            env={name: value for name, value in os.environ.items() if name not in names},
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode:
            raise Failure(f"docker compose {' '.join(arguments)} ended with status {done.returncode}")
        return done.stdout

    def python(self, code, *arguments):
        """What *code* prints in the worker's container."""
        return self.compose("exec", "-T", "worker", "python", "-c", code, *arguments)

    def attempts(self):
        """The ids of all attempts: of the lines that the workers wrote, rotated or not."""
        text = self.compose("exec", "-T", "worker", "sh", "-c", f"cat {LOG}*")
        return [json.loads(line)["event.id"] for line in text.splitlines()]

    def stored(self):
        """The ids of all records that Elasticsearch holds, as the reader sees them."""
        return [hit["_id"] for hit in self.ask(f"{STREAM}/_search", ALL)["hits"]["hits"]]

    def ask(self, path, body):
        """The answer of Elasticsearch to the reader."""
        user = f"slowtask_reader:{self.settings['SLOWTASK_READER_PASSWORD']}"
        request = urllib.request.Request(
            f"{self.url}/{path}",
            json.dumps(body).encode(),
            {
                "Content-Type": "application/json",
                "Authorization": f"Basic {b64encode(user.encode()).decode()}",
            },
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def top(self):
        """How many runs `slowtask top URL` counts, over all tasks."""
        done = subprocess.run(
            [Path(sys.executable).parent / "slowtask", "top", self.url, "--json", "-n", "0"],
            env=os.environ
            | {
                "SLOWTASK_ELASTICSEARCH_USERNAME": "slowtask_reader",
                "SLOWTASK_ELASTICSEARCH_PASSWORD": self.settings["SLOWTASK_READER_PASSWORD"],
            },
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        return sum(task["count"] for task in json.loads(done.stdout))


class Failure(Exception):  # noqa: N818 - a finding, not an error
    """What isn't so."""


def until(holds, what):
    """Wait until *holds*; it may fail meanwhile, since services are away."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            if holds():
                return
        except (OSError, Failure):
            pass
        time.sleep(1)
    raise Failure(what)


def a_round(stack, killed=None):
    """Run jobs, kill a service while they run; then every attempt is stored, once."""
    stack.python(ENQUEUE, str(JOBS))
    if killed:
        time.sleep(2)  # so that lines are on their way
        stack.compose("kill", killed)
        time.sleep(OUTAGE)
        stack.compose("start", killed)
    until(lambda: int(stack.python(WAITING)) == 0, "the jobs didn't end")
    attempts = stack.attempts()
    until(
        lambda: stack.ask(f"{STREAM}/_count", {})["count"] >= len(attempts),
        f"{len(attempts)} attempts, but fewer records",
    )
    check(stack, attempts)
    print(
        f"{f'{killed} killed' if killed else 'undisturbed':<24} {len(attempts):>6} attempts, as many records"
    )


def check(stack, attempts):
    """Raise `Failure` unless exactly *attempts* are stored, and `top` counts them."""
    stored, counted = stack.stored(), stack.top()
    if len(set(attempts)) != len(attempts):
        raise Failure("two attempts have one id")
    if sorted(stored) != sorted(attempts):
        raise Failure(f"{len(attempts)} attempts, {len(stored)} records, {len(set(stored))} of them distinct")
    if counted != len(attempts):
        raise Failure(f"{len(attempts)} attempts, but `slowtask top` counts {counted}")


def main():
    require = subprocess.run(["sh", "-c", ". docker/require.sh"], cwd=ROOT, check=False)
    if require.returncode:
        return require.returncode
    with tempfile.TemporaryDirectory() as folder, Stack(Path(folder)) as stack:
        a_round(stack)
        for service in ("filebeat", "logstash", "elasticsearch"):
            a_round(stack, killed=service)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failure as failure:
        sys.exit(f"test-stack: {failure}")
