"""The whole path: real workers, RQ's and Celery's, run tasks, and what is asked of their lines is true.

What Filebeat and Logstash do in between is done here by `slowtask parse` and `documents`; with Docker,
`make test-stack` has themselves do it.
"""

import json
import os
import subprocess
import sys
import uuid
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import msgspec
import pytest
from conftest import PATIENCE, wait_until
from elasticsearch import helpers
from redis import Redis
from rq import Queue, Retry

from dashboards import bundle
from documents import actions
from panels import query, saved
from places import OUTCOMES
from slowtask.cli.setup import PASSWORDS
from slowtask.demo import demo, tasks
from slowtask.demo.workers import Workers
from slowtask.record import sample
from slowtask.store.elastic.access import PREFIX, Access
from slowtask.store.elastic.client import connect

#: It sets passwords of users as whom other tests log in, too: one after the other.
pytestmark = [pytest.mark.redis, pytest.mark.xdist_group("setup")]

SLOWTASK = Path(sys.executable).parent / "slowtask"
JOBS = 24  #: of the demonstration
CELERY = 8  #: of those, once more by a Celery worker that writes into the same log
ATTEMPTS = JOBS + CELERY + 3  #: and one that is killed, and one that fails, is retried and fails again
USERS = ("slowtask_logstash", "slowtask_reader")


@dataclass(frozen=True, kw_only=True)
class Stored:
    """The records of all attempts, and where they were sent."""

    log: Path  #: the lines as the workers wrote them
    records: list[dict]  #: what `slowtask parse` made of each
    index: str
    writer: Access
    reader: Access
    settings: dict[str, str]  #: the reader's, as a person has them

    def send(self):
        """Store the records, as Logstash would; the status of each."""
        answers = helpers.streaming_bulk(
            connect(self.writer), actions(self.records, self.index), raise_on_error=False
        )
        return Counter(answer["create"]["status"] for _, answer in answers)

    def top(self, *arguments):
        """What `slowtask top` says of all tasks, in a process with the reader's settings."""
        return json.loads(slowtask("top", *arguments, "--json", "-n", "0", **self.settings))

    @property
    def url(self):
        """What a person would type."""
        return f"{self.writer.url}/{self.index}"


def slowtask(*arguments, text="", **settings):
    """What the command prints, given *text* on stdin and *settings* in its environment."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SLOWTASK_")}
    done = subprocess.run(
        [SLOWTASK, *arguments],
        env=environment | settings,
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def celery(folder, url, lines):
    """A Celery worker of the demonstration's tasks on the Redis at *url*, and some of them published."""
    environment = os.environ | {"CELERY_BROKER_URL": url, "SLOWTASK_LOG": str(lines)}
    script = "import sys; from slowtask.demo import celery as c, demo; from itertools import islice\n"
    script += f"print([c.offer(job, 100) for job in islice(demo.mix(), {CELERY})])"
    command = [sys.executable, "-m", "celery", "-A", "slowtask.demo.celery", "worker", "-c", "2"]
    subprocess.run([sys.executable, "-c", script], env=environment, cwd=folder, check=True)
    with (folder / "celery.log").open("wb") as said:
        process = subprocess.Popen(command, env=environment, cwd=folder, stdout=said, stderr=said)
    yield
    process.terminate()
    process.wait(PATIENCE)


@pytest.fixture(scope="module")
def log(redis_server, tmp_path_factory):
    """The lines of real workers that ran ATTEMPTS attempts."""
    folder = tmp_path_factory.mktemp("workers")
    with Redis.from_url(redis_server) as redis, pytest.MonkeyPatch.context() as patch:
        redis.flushall()
        queue = Queue(demo.QUEUE, connection=redis)
        demo.enqueue(queue, JOBS)
        queue.enqueue("jobs.is_killed")
        queue.enqueue(tasks.send_mail, tasks.NOBODY, 0.1, retry=Retry(max=1))
        patch.setenv("PYTHONPATH", str(OUTCOMES))
        lines = folder / "slowtask.ndjson"
        other = f"{redis_server.rpartition('/')[0]}/1"
        with celery(folder, other, lines), Workers(folder, redis_server, 2, queue=demo.QUEUE, log=lines):
            wait_until(lambda: lines.exists() and lines.read_bytes().count(b"\n") >= ATTEMPTS)
    return lines


@pytest.fixture(scope="module")
def path(log, own_access, own_elasticsearch, tmp_path_factory):
    """All of it stored, as the writer's user, and ready for the reader's."""
    access, elasticsearch = own_access, own_elasticsearch
    secrets = tmp_path_factory.mktemp("secrets")
    for user in USERS:
        (secrets / user).write_text(f"{uuid.uuid4().hex}\n")
    shared = {f"{PREFIX}CA_FILE": access.ca_file or ""}
    administrator = {f"{PREFIX}USERNAME": access.username, f"{PREFIX}PASSWORD": access.password}
    passwords = {f"{PASSWORDS[user]}_FILE": str(secrets / user) for user in USERS}
    slowtask("setup", "--elasticsearch", access.url, **shared, **administrator, **passwords)
    writer, reader = (
        replace(access, username=user, password=(secrets / user).read_text().strip()) for user in USERS
    )
    stored = Stored(
        log=log,
        records=[json.loads(line) for line in slowtask("parse", "-", text=log.read_text()).splitlines()],
        index=f"logs-slowtask.run-{uuid.uuid4().hex}",
        writer=writer,
        reader=reader,
        settings=shared
        | {f"{PREFIX}USERNAME": reader.username, f"{PREFIX}PASSWORD_FILE": str(secrets / reader.username)},
    )
    assert stored.send() == {201: ATTEMPTS}
    elasticsearch.indices.refresh(index=stored.index)
    return stored


def test_each_attempt_left_one_line_that_tells_how_it_ended(log):
    records = [json.loads(line) for line in log.read_text().splitlines()]

    assert len(records) == ATTEMPTS
    actions = Counter(record["event.action"] for record in records)
    jobs = [*islice(demo.mix(), JOBS), *islice(demo.mix(), CELERY)]
    failing = sum(arguments[:1] == (tasks.NOBODY,) for _, arguments in jobs)
    assert failing
    assert actions == {
        "finished": JOBS + CELERY - failing,
        "failed": failing + 1,
        "retried": 1,
        "killed": 1,
    }


def test_top_ranks_what_rq_and_celery_ran_as_one(path):
    """The same tasks by both, from the file as from Elasticsearch."""
    systems = Counter((record["task.name"], record["queue.system"]) for record in path.records)
    mixed = {task for task, system in systems if (task, "rq") in systems and (task, "celery") in systems}

    assert len(mixed) == 3
    for source in (path.log, path.url):
        counts = {task["task"]: task["count"] for task in path.top(source)}
        assert {task: counts[task] for task in mixed} == {
            task: systems[task, "rq"] + systems[task, "celery"] for task in mixed
        }


def test_parse_hands_each_line_on_as_it_is(path):
    assert path.records == [json.loads(line) for line in path.log.read_text().splitlines()]


def test_as_many_records_are_stored_as_attempts_were_made_and_none_twice(path, own_elasticsearch):
    found = own_elasticsearch.search(index=path.index, size=10 * ATTEMPTS)["hits"]["hits"]

    ids = [hit["_id"] for hit in found]
    assert len(ids) == len(set(ids)) == ATTEMPTS
    assert set(ids) == {record["event.id"] for record in path.records}


def test_top_says_the_same_of_elasticsearch_as_of_the_file(path):
    from_file, from_elasticsearch = path.top(path.log), path.top(path.url)

    assert sum(task["count"] for task in from_elasticsearch) == ATTEMPTS
    assert [task["task"] for task in from_elasticsearch] == [task["task"] for task in from_file]
    for one, other in zip(from_file, from_elasticsearch, strict=True):
        assert list(other) == list(one)
        assert figures(other) == pytest.approx(figures(one), rel=0.01)


def figures(task):
    """The numbers of one row."""
    return {key: value for key, value in task.items() if key != "task"}


def test_sent_again_nothing_changes(path, own_elasticsearch):
    before = path.top(path.url)

    assert path.send() == {409: ATTEMPTS}
    own_elasticsearch.indices.refresh(index=path.index)
    assert path.top(path.url) == before


# The dashboards


@pytest.fixture(scope="module")
def torn(path, own_elasticsearch):
    """Beside the records a line that a full disk cut short."""
    index = path.index.replace("slowtask.run", "slowtask.unparsed")
    line = sample.Unparsed(
        timestamp=max(record["@timestamp"] for record in path.records), id="torn",
        dataset=sample.UNPARSED_DATASET, reason="torn-json", original='{"@timest', detail="cut short",
        path=str(path.log), offset=0, host="here",
    )  # fmt: skip
    helpers.bulk(connect(path.writer), actions([msgspec.to_builtins(line)], index))
    own_elasticsearch.indices.refresh(index=index)


@pytest.fixture(scope="module")
def asked(path, torn):
    """What asks as Kibana would, logged in as the reader, of all the time in which the tasks ran."""
    client = connect(path.reader)

    def request(method, target, body=None):
        headers = {"accept": "application/json", "content-type": "application/json"}
        return client.perform_request(method, target, headers=headers, body=body).body

    times = [record["@timestamp"] for record in path.records]
    namespace = path.index.removeprefix("logs-slowtask.run-")
    return query.Store(request=request, namespace=namespace, start=min(times), end=max(times))


def test_every_panel_of_slow_tasks_shows_something(asked):
    found = saved.objects(bundle.BUNDLE.read_bytes())
    others = ("slowtask-queues", "slowtask-what-changed")  # of the monitor's samples; of two weeks
    boards = [each for each in found if each["id"] not in others]

    assert len(boards) == len(found) - 2
    # the demonstration's workers have no service's name: that is all that is missing
    assert list(query.faults(boards, asked)) == ["slowtask-slow-tasks: control service-name offers nothing"]
