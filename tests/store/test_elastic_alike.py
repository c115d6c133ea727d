"""An Elasticsearch tells of the same runs what the files tell, whichever command asks."""

import json
import random
import re
import uuid
from array import array
from dataclasses import asdict, replace
from datetime import timedelta

import msgspec
import pytest
from click.testing import CliRunner

from documents import samples, stored
from logs import BEGIN, made, written
from slowtask import cli
from slowtask.cli.show.task_text import notes
from slowtask.errors import SourceError
from slowtask.parse.sources import resolve
from slowtask.rank.behind import rank_waits
from slowtask.rank.ranking import rank
from slowtask.record.sample import Alert, BrokerSample, QueueSample
from slowtask.store import Query
from slowtask.store.elastic import fetch, fetched, profiling
from slowtask.store.elastic.store import Elastic
from slowtask.store.fields import find_field
from slowtask.store.files import Files

STEP = 37  # seconds between two runs


def site(count=1500):
    """Runs of six tasks on two queues that five workers serve, as a site has them."""
    chance = random.Random(17)
    for number in range(count):
        task = number % 6
        took = None if number % 41 == 0 else chance.lognormvariate(task - 3, 1)
        failed, killed = chance.random() < 0.03 * (task + 1), number % 97 == 0
        yield made(
            task=f"shop.jobs.t{task}",
            took=took,
            number=number * STEP,
            wait=None if number % 17 == 0 else round(chance.expovariate(1 / 20) * 1e9),
            queue=("mail", "slow", None)[0 if task < 3 else 1 if number % 29 else 2],
            worker=f"w{task % 5}" if number % 23 else None,
            system="rq",
            host=f"app{task % 2}",
            version=("1.4", "1.5")[number > count // 2],
            service="shop",
            cpu=round(took * 4e8) if took and number % 3 else None,
            memory=10**8 + number * 4096 if number % 4 else None,
            attempt=1 + (number % 19 == 0),
            task_id=f"job-{number}",
            labels={"tenant": f"t{number % 3}"},
            **(
                {"outcome": "failure", "action": "killed", "reason": "signal 9"}
                if killed
                else {
                    "outcome": "failure",
                    "action": "failed",
                    "error": f"E{number % 2}",
                    "message": f"Job {number} is bad",
                }
                if failed
                else {"action": "finished"}
            ),
        )


def monitored():
    """Samples of two queues and of a broker, some after the last run."""
    for number in range(60):
        common = {"timestamp": BEGIN + timedelta(seconds=number * 1000), "dataset": "slowtask.queue"}
        for queue in ("mail", "slow"):
            yield QueueSample(
                id=f"{queue}-{number}", queue=queue, system="rq", depth=number * 7 % 50, **common
            )
        yield BrokerSample(
            id=f"broker-{number}", system="redis", name="redis:6379", capacity=number / 100, **common
        )


def alerts():
    """An alert that fires, is repeated, and is resolved; and one that belongs to no queue."""
    states = (
        ("depth", "mail", "warning"),
        ("depth", "mail", "warning"),
        ("memory", None, "critical"),
        ("depth", "mail", "ok"),
    )
    for number, (name, queue, state) in enumerate(states):
        yield Alert(
            timestamp=BEGIN + timedelta(minutes=number), id=f"alert-{number}", dataset="slowtask.alert",
            name=name, queue=queue, state=state, value=2.0, threshold=1.0, message=f"{name} is {state}",
        )  # fmt: skip


@pytest.fixture(scope="module")
def places(elasticsearch, tmp_path_factory):
    """The runs, samples and alerts of the site: the name of their stream, and a folder with the same."""
    client, name = elasticsearch, f"alike-{uuid.uuid4().hex}"
    streams = [
        f"{each}-{name}" for each in ("logs-slowtask.run", "metrics-slowtask.queue", "logs-slowtask.alert")
    ]
    runs, seen, told = list(site()), list(monitored()), list(alerts())
    assert not stored(client, streams[0], runs)
    assert not samples(client, streams[1], seen)
    assert not samples(client, streams[2], told)
    folder = tmp_path_factory.mktemp("alike")
    written(folder / "runs.ndjson", runs)
    (folder / "monitor.ndjson").write_bytes(
        b"".join(msgspec.json.encode(each) + b"\n" for each in [*seen, *told])
    )
    return streams[0], folder


@pytest.fixture(scope="module")
def both(places, access):
    """The two stores of them."""
    stream, folder = places
    return Elastic(replace(access, path=stream)), Files(resolve([str(folder)]))


def leading(measurement):
    return [each.task for each in rank(measurement.figures)[:3]]


def close(value):
    """*value*, where a figure of the other store may be 1 % off."""
    return pytest.approx(value, rel=0.01, abs=1e-6) if isinstance(value, float) else value


QUERIES = {
    "all": Query(),
    "a period and a queue": Query(
        since=BEGIN + timedelta(hours=4), until=BEGIN + timedelta(hours=9), queues=("mail",)
    ),
    "a label": Query(where=(("labels.tenant", "t1"),)),
    "by version": Query(group=find_field("version")),
}


@pytest.mark.parametrize("query", QUERIES.values(), ids=[*QUERIES])
def test_the_history_is_that_of_the_files(both, query):
    elastic, files = (store.history(query, leading) for store in both)

    assert (elastic.width, elastic.first, elastic.last) == (files.width, files.first, files.last)
    assert elastic.leading == files.leading
    assert elastic.failures == files.failures
    assert elastic.brokers == files.brokers
    assert elastic.wait == pytest.approx(files.wait, rel=0.02)
    assert_slots(elastic.tasks, files.tasks, ("at", "task"), "p95")
    assert_slots(elastic.queues, files.queues, ("at", "queue"), "wait")
    assert files.tasks
    assert files.queues


def assert_slots(found, wanted, key, percentile):
    """That slots are the same; files count times in buckets, so their percentiles are those of one run."""
    found, wanted = (
        {tuple(getattr(each, name) for name in key): each for each in side} for side in (found, wanted)
    )
    assert found.keys() == wanted.keys()
    for place, slot in wanted.items():
        one, other = asdict(found[place]), asdict(slot)
        assert (one.pop(percentile) is None) == (other.pop(percentile) is None)
        assert one == {name: close(value) for name, value in other.items()}


def test_the_profiles_of_a_report_are_those_of_the_files(both):
    found, wanted = (store.history(Query(), leading, profiled=2).profiles for store in both)

    assert [each.task for each in found] == [each.task for each in wanted]
    for one, other in zip(found, wanted, strict=True):
        assert one.share == close(other.share)
        assert_rows(one.slots, other.slots)
        assert_rows(one.behind, other.behind)
        assert other.behind


def test_what_jobs_waited_behind_is_left_out_aloud_if_there_are_too_many_runs(both, monkeypatch):
    monkeypatch.setattr(fetched, "MAX_BEHIND", 1000)

    profile = both[0].profile("t2", Query(), choose, 12)

    assert profile.behind == ()
    assert "that needs each of 1,500 runs, one by one. Choose a shorter time" in notes(profile)[-1]


def test_the_messages_of_older_failures_are_left_out_aloud(both, monkeypatch):
    monkeypatch.setattr(profiling, "MAX_MESSAGES", 5)

    profile = both[0].profile("t2", Query(), choose, 12)

    assert sum(each.count for each in profile.messages) <= 5
    assert profile.unread == profile.summary.failures - 5
    assert f"the messages of {profile.unread} older failed runs weren't read" in "".join(notes(profile))


def choose(names, _):
    """The only one of *names*."""
    [name] = names
    return name


@pytest.mark.parametrize("name", ["t2", "shop.jobs.t0", "shop.jobs.t5"])
def test_the_page_of_a_task_is_that_of_the_files(both, name):
    found, wanted = (store.profile(name, Query(), choose, 12) for store in both)

    assert found.task == wanted.task
    assert asdict(found.summary) == {name: close(value) for name, value in asdict(wanted.summary).items()}
    assert found.share == close(wanted.share)
    assert found.bins == wanted.bins
    assert found.width == wanted.width
    assert len(wanted.slots) > 3
    assert_rows(found.slots, wanted.slots)
    assert found.fields.keys() == wanted.fields.keys() == {"queue", "host", "version", "worker"}
    for field, groups in wanted.fields.items():
        assert found.fields[field].values == groups.values
        assert_rows(found.fields[field].groups, groups.groups)
    assert_rows(found.endings, wanted.endings)
    assert [replace(each, message="") for each in found.messages] == [
        replace(each, message="") for each in wanted.messages
    ]
    assert found.kills == wanted.kills
    assert found.kills
    assert_rows(found.behind, wanted.behind)
    assert len(found.behind) > 2


def assert_rows(found, wanted):
    """That records are the same, one after the other."""
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted, strict=True):
        assert asdict(one) == {name: close(value) for name, value in asdict(other).items()}


def test_the_longest_runs_are_those_of_the_files_in_another_place(both):
    found, wanted = (store.profile("t4", Query(), choose, 12).worst for store in both)

    assert [replace(each, file=None, offset=None) for each in found] == [
        replace(each, file=None, offset=None) for each in wanted
    ]
    assert len(found) == 10
    assert all("logs-slowtask.run-alike" in each.file for each in found)


@pytest.mark.parametrize("query", QUERIES.values(), ids=[*QUERIES])
def test_the_runs_to_replay_are_those_of_the_files(both, query):
    found, wanted = (store.columns(query) for store in both)

    assert found.left_out == wanted.left_out > 0
    assert sorted(rows(found)) == sorted(rows(wanted))
    assert found.arrival == array("q", sorted(found.arrival))


def rows(columns):
    """The runs of *columns*, by what is exact in both stores."""
    names = zip(columns.task, columns.queue, columns.worker, strict=True)
    for arrival, wait, took, (task, queue, worker) in zip(
        columns.arrival, columns.wait, columns.took, names, strict=True
    ):
        yield (
            arrival // 10**9,
            wait,
            took,
            columns.tasks[task],
            columns.queues[queue],
            columns.workers[worker],
        )


def test_the_runs_come_in_pages_of_which_few_are_in_memory(both, monkeypatch):
    monkeypatch.setattr(fetch, "PAGE", 100)
    elastic, files = both
    shares = []
    monkeypatch.setattr(elastic, "_note", lambda done, count: shares.append(done / count))

    assert len(elastic.columns(Query()).arrival) == len(files.columns(Query()).arrival)
    assert len(shares) > 10
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_too_many_runs_are_refused_with_the_way_out(both, monkeypatch):
    monkeypatch.setattr(fetched, "MAX_RUNS", 1000)

    with pytest.raises(SourceError, match=r"at most 1,000 can be fetched .*--since and --until"):
        both[0].columns(Query())


def test_what_waited_behind_what_is_that_of_the_files(both):
    found, wanted = (rank_waits(store.columns(Query())) for store in both)

    assert [(each.task, each.queue, each.runs) for each in found] == [
        (each.task, each.queue, each.runs) for each in wanted
    ]
    for one, other in zip(found, wanted, strict=True):
        assert one.waited == pytest.approx(other.waited)
        assert dict(one.held) == pytest.approx(dict(other.held), rel=0.01, abs=0.001)


def test_alerts_are_those_of_the_files(both):
    queries = (Query(), Query(queues=("slow",)), Query(since=BEGIN + timedelta(minutes=3)))

    for query in queries:
        found, wanted = (list(store.alerts(query)) for store in both)

        assert found == wanted
        assert wanted


@pytest.fixture
def call(places, access, monkeypatch):
    """Calls a command with the Elasticsearch and with the folder; returns what both printed."""
    for name in ("username", "password", "ca_file"):
        if value := getattr(access, name):
            monkeypatch.setenv(f"SLOWTASK_ELASTICSEARCH_{name.upper()}", value)
    stream, folder = places

    def run(*arguments):
        for source in (f"{access.url}/{stream}", str(folder)):
            done = CliRunner().invoke(cli.slowtask, [*arguments, source])
            assert done.exception is None, done.exception
            yield done.output

    return run


@pytest.mark.parametrize(
    "arguments",
    [
        ("behind", "--json"),
        ("behind", "--json", "--group-by", "tenant"),
        ("whatif", "--json", "--faster", "t3:0.5"),
        ("diff", "--json", "--by", "version", "1.4", "1.5"),
        ("top", "--json"),
    ],
    ids=" ".join,
)
def test_a_command_prints_the_same_figures_within_one_percent(call, arguments):
    found, wanted = map(json.loads, call(*arguments))

    assert_close(found, wanted)
    assert wanted


def assert_close(found, wanted):
    """That JSON is the same, with numbers that are 1 % apart at most, or a ten thousandth."""
    if isinstance(wanted, dict):
        assert found.keys() == wanted.keys()
        for key, value in wanted.items():
            assert_close(found[key], value)
    elif isinstance(wanted, list):
        assert len(found) == len(wanted)
        for one, other in zip(found, wanted, strict=True):
            assert_close(one, other)
    elif isinstance(wanted, float):
        assert found == pytest.approx(wanted, rel=0.01, abs=1e-3)
    else:
        assert found == wanted


def test_a_report_has_the_parts_of_that_of_files(call, tmp_path):
    reports = list(call("report", "--out", "-"))

    headings = [re.findall(r"<h[23]>(.*?)</h[23]>", html) for html in reports]
    assert headings[0] == headings[1]
    assert "What the monitor said" in headings[0]
    assert all("memory is critical" in html for html in reports)


def test_the_page_of_a_task_is_printed(call):
    found, wanted = call("task", "t3")

    assert [line for line in found.split("\n") if line.isupper()] == [
        line for line in wanted.split("\n") if line.isupper()
    ]
    assert "logs-slowtask.run-alike" in found
