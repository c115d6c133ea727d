"""What `slowtask serve` reads and when: the schedule, what is kept, the monitor's log, a real broker."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import wraps

import msgspec
import pytest
from rq import Queue

from documents import stored
from logs import BEGIN, made, written
from served import Served
from slowtask.cli.serve.cache import Cache, Entry
from slowtask.cli.serve.changes import Changes
from slowtask.cli.serve.context import Context
from slowtask.cli.serve.guard import host_name, strip_prefix
from slowtask.cli.serve.monitor_log import STALE, read_monitor
from slowtask.cli.serve.polling import Polling
from slowtask.cli.serve.process import ReadingProcess
from slowtask.cli.serve.request import Job, make_job
from slowtask.cli.serve.schedule import FORGOTTEN, MAX_PENDING, MOVING, Busy, Schedule, Urgency
from slowtask.cli.serve.setup import Setup
from slowtask.cli.serve.wire import Done, Failed, Progress, unpack
from slowtask.record.sample import ALERT_DATASET, QUEUE_DATASET, Alert, BrokerSample, QueueSample
from slowtask.watch.settings import Thresholds

RANKING = Job(kind="ranking")
SECOND = timedelta(seconds=1)
SECRETS = ("username", "password", "api_key", "ca_file")  #: how to log in to an Elasticsearch


def done(figures=b"figures", *, complete=True):
    return Done(figures=figures, read_at=BEGIN, took=1.0, complete=complete)


@dataclass
class Reader:
    """Does jobs when it is told to, with the answers that are set."""

    answers: dict = field(default_factory=dict)
    jobs: list = field(default_factory=list)
    early: tuple = ()
    go: asyncio.Event = field(default_factory=asyncio.Event)

    async def do(self, job, tell):
        self.jobs.append(job)
        for each in self.early:
            tell(each)
        await self.go.wait()
        return self.answers.get(job, done())


class Site:
    """A schedule at work, with a clock and a state of the sources that a test sets."""

    def __init__(self, **options):
        self.reader, self.now, self.state = Reader(**options), 0.0, "first"
        self.schedule = Schedule(self.reader, self._state, clock=lambda: self.now)

    async def _state(self):
        return self.state

    async def __aenter__(self):
        self._task = asyncio.create_task(self.schedule.run())
        return self

    async def __aexit__(self, *_):
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def read(self, job=RANKING):
        """Find *job*, once it was read."""
        self.reader.go.set()
        while True:
            entry, pending = await self.schedule.find(job, 1)
            if entry and not pending:
                return entry
            await asyncio.sleep(0.001)


def staged(test):
    """Run an async test."""

    @wraps(test)
    def run(**fixtures):
        asyncio.run(test(**fixtures))

    return run


@staged
async def test_what_is_not_read_in_time_is_pending_with_its_progress():
    async with Site(early=(Progress(share=0.5),)) as site:
        entry, pending = await site.schedule.find(RANKING, 0.01)

        assert entry is None
        assert pending.progress == 0.5


@staged
async def test_figures_without_charts_are_shown_while_the_charts_are_drawn():
    async with Site(early=(done(b"early", complete=False),)) as site:
        entry, pending = await site.schedule.find(RANKING, 1)
        later = await site.read()

        assert (entry.done.figures, later.done.figures) == (b"early", b"figures")
        assert pending is not None


@staged
async def test_many_who_ask_for_the_same_have_it_read_once():
    async with Site() as site:
        asking = [asyncio.create_task(site.schedule.find(RANKING, 1)) for _ in range(200)]
        site.reader.go.set()
        found = await asyncio.gather(*asking)

        assert site.reader.jobs == [RANKING]
        assert all(entry for entry, _ in found)


@staged
async def test_unchanged_sources_are_not_read_again():
    async with Site() as site:
        await site.read()
        site.now += 1000
        await site.read()

        assert len(site.reader.jobs) == 1


@staged
async def test_changed_sources_are_read_again_and_the_old_figures_shown_meanwhile():
    async with Site() as site:
        await site.read()
        site.state, site.now = "second", site.now + 1000
        site.reader.go.clear()
        entry, pending = await site.schedule.find(RANKING, 0)

        assert entry.done
        assert pending.urgency is Urgency.NEWER


@staged
async def test_nothing_is_read_again_while_nobody_asks():
    async with Site() as site:
        await site.read()
        site.state, site.now = "second", site.now + 1000
        for _ in range(20):
            await asyncio.sleep(0)

        assert len(site.reader.jobs) == 1


@staged
async def test_a_period_that_counts_from_now_is_read_again_as_time_goes_on():
    async with Site() as site:
        job = make_job("ranking", {"since": ["1h"]})
        await site.read(job)
        site.now += MOVING + 1
        await site.schedule.find(job, 1)
        await site.read(job)

        assert site.reader.jobs == [job, job]


@staged
async def test_a_failure_is_shown_and_then_tried_again():
    async with Site(answers={RANKING: Failed(status=404, message="gone")}) as site:
        first = await site.read()
        site.reader.answers.clear()
        site.now += 1000
        second = await site.read()

        assert (first.failed.message, first.done) == ("gone", None)
        assert (second.failed, second.done) == (None, done())


@staged
async def test_who_waits_comes_before_what_is_read_ahead():
    async with Site() as site:
        ahead = [Job(kind="task", name=name) for name in "abc"]
        for each in ahead:
            site.schedule.ask(each, Urgency.AHEAD)
        await asyncio.sleep(0.01)
        await site.schedule.find(RANKING, 0)
        await site.read(RANKING)

        assert site.reader.jobs[:2] == [ahead[0], RANKING]


@staged
async def test_so_many_jobs_wait_and_no_more_until_they_are_forgotten():
    site = Site()
    for number in range(MAX_PENDING):
        site.schedule.ask(Job(kind="task", name=str(number)), Urgency.NOW)
    with pytest.raises(Busy):
        site.schedule.ask(RANKING, Urgency.NOW)
    site.now += FORGOTTEN + 1

    assert site.schedule.ask(RANKING, Urgency.NOW).job == RANKING


def test_the_cache_drops_what_was_used_longest_ago():
    cache = Cache(most=2)
    for key in "abac":
        cache.get(key) or cache.put(key, Entry(done=done()))

    assert [cache.get(key) is not None for key in "abc"] == [True, False, True]


def test_the_cache_keeps_so_many_bytes_but_at_least_the_last_page():
    cache = Cache(most_bytes=100)
    for key, size in (("a", 60), ("b", 60), ("c", 1000)):
        cache.put(key, Entry(done=done(b"x" * size)))

    assert [cache.get(key) is not None for key in "abc"] == [False, False, True]


def test_a_failed_renewal_keeps_the_figures():
    cache = Cache()
    cache.put("a", Entry(done=done()))
    cache.put("a", Entry(failed=Failed(status=404, message="gone")))

    assert (cache.get("a").done, cache.get("a").failed.message) == (done(), "gone")


@staged
async def test_the_state_changes_with_the_logs_and_not_else(tmp_path):
    now, states = [0.0], []
    changes = Changes(Setup(sources=(str(tmp_path),)), clock=lambda: now[0])
    for name in ("a.log", None, "b.log", None):
        if name:
            written(tmp_path / name, [made()])
        now[0] += 10
        states.append(await changes.state())

    assert states[0] == states[1] != states[2] == states[3]


@pytest.mark.slow
@staged
async def test_the_reading_process_ends_when_it_has_nothing_to_do(tmp_path):
    log = written(tmp_path / "worker.ndjson", [made("jobs.thumb")])
    reader = ReadingProcess(Setup(sources=(str(log),)), idle=0.05)
    answer = await reader.do(RANKING, lambda message: None)
    while reader.pid is not None:  # noqa: ASYNC110 - it has no event for that
        await asyncio.sleep(0.01)
    again = await reader.do(Job(kind="task", name="thumb"), lambda message: None)
    await reader.close()

    assert unpack(answer.figures).tasks[0].task == "jobs.thumb"
    assert unpack(again.figures).profile.task == "jobs.thumb"


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("ranking", {"since": ["1h"]}),
        ("diff", {}),
        ("diff", {"against": ["7d"]}),
        ("diff", {"before": ["2d..1d"], "after": ["1d.."]}),
    ],
)
def test_what_counts_from_now_moves(kind, given):
    assert make_job(kind, given).moves


@pytest.mark.parametrize(
    ("kind", "given"), [("ranking", {"since": ["2026-11-26T14:00"]}), ("diff", {"by": ["version"]})]
)
def test_what_has_a_date_does_not_move(kind, given):
    assert not make_job(kind, given).moves


def test_how_a_page_is_sorted_and_what_is_empty_make_no_other_job():
    assert make_job("ranking", {"sort": ["max"], "since": [""], "queue": [" "]}) == RANKING


def test_a_link_keeps_the_period_and_escapes_the_name():
    context = Context(
        version="1", now=BEGIN, path="/", source="logs/", prefix="/slow",
        parameters={"since": ["1d"], "by": ["max"], "queue": ["a&b", "c"]},
    )  # fmt: skip

    assert context.task("a/b?c") == "/slow/task/a%2Fb%3Fc?since=1d&queue=a%26b&queue=c"
    assert context.link("/diff", since=None, by="version") == "/slow/diff?queue=a%26b&queue=c&by=version"
    assert context.change(group_by="queue", queue=None) == "/slow/?since=1d&by=max&group-by=queue"


@pytest.mark.parametrize(
    ("path", "stripped"),
    [("/slow", "/"), ("/slow/", "/"), ("/slow/diff", "/diff"), ("/diff", "/diff"), ("/slower", "/slower")],
)
def test_the_prefix_may_be_there_or_not(path, stripped):
    assert strip_prefix(path, "/slow") == stripped


@pytest.mark.parametrize(
    ("header", "name"),
    [("LocalHost:80", "localhost"), ("[::1]:80", "::1"), ("127.0.0.1.", "127.0.0.1"), ("[", ""), ("", "")],
)
def test_the_name_of_a_host_header(header, name):
    assert host_name(header) == name


def sample(queue="mail", number=0, **others):
    return QueueSample(
        timestamp=BEGIN + number * SECOND, id="1", dataset=QUEUE_DATASET, queue=queue, system="rq", **others
    )


def alert(state, number=0, name="queue-depth", queue="mail"):
    return Alert(
        timestamp=BEGIN + number * SECOND, id="1", dataset=ALERT_DATASET, name=name, state=state, queue=queue,
        message=f"{queue} is {state}",
    )  # fmt: skip


def monitor_log(path, *events):
    path.write_bytes(b"".join(msgspec.json.encode(each) + b"\n" for each in events) + b"{broken")
    return path


def test_the_newest_sample_of_each_queue_counts_and_alerts_until_they_are_resolved(tmp_path):
    broker = BrokerSample(
        timestamp=BEGIN + 9 * SECOND, id="1", dataset=QUEUE_DATASET, system="redis", name="r"
    )
    log = monitor_log(
        tmp_path / "monitor.ndjson",
        sample("gone", -3600), sample("mail", 0, depth=1), sample("mail", 9, depth=7), broker,
        alert("warning", 0), alert("critical", 5),
        alert("warning", 1, queue="slow"), alert("ok", 8, queue="slow"),
    )  # fmt: skip
    found = read_monitor(log, "monitor.ndjson", Thresholds(), BEGIN + 10 * SECOND)

    assert [(each.queue, each.depth) for each in found.samples if isinstance(each, QueueSample)] == [
        ("mail", 7)
    ]
    assert broker in found.samples
    assert [each.message for each in found.alerts] == ["mail is critical"]
    assert (found.origin, found.stale, found.at) == ("monitor", False, BEGIN + 9 * SECOND)


def test_an_old_sample_says_nothing_of_now(tmp_path):
    log = monitor_log(tmp_path / "monitor.ndjson", sample())
    found = read_monitor(log, "monitor.ndjson", Thresholds(), BEGIN + STALE + SECOND)

    assert found.stale
    assert "1m 1s old" in found.note


@pytest.mark.slow
def test_the_page_of_the_queues_shows_what_the_monitor_wrote(tmp_path):
    written(tmp_path / "slowtask.ndjson", [made("jobs.thumb")])
    age = (datetime.now(UTC) - BEGIN) // SECOND
    log = tmp_path / "slowtask-monitor.ndjson"
    monitor_log(log, sample("mail", age, depth=4711), alert("critical", age))
    with Served(tmp_path) as server:
        fresh = server.get("/queues")
        monitor_log(log, sample("mail", age - 3600, depth=4711))
        old = server.get("/queues", until=lambda answer: "isn't known" in answer.text)

    assert "mail is critical" in fresh.text
    assert "4,711" in fresh.text
    assert "1h 0m old" in old.text


@pytest.mark.slow
def test_the_page_of_the_queues_shows_the_broker_and_changes_nothing(tmp_path, redis, redis_server):
    written(tmp_path / "slowtask.ndjson", [made("jobs.thumb", queue="mail")])
    for _ in range(3):
        Queue("mail", connection=redis).enqueue("jobs.thumb")
    before = {key: redis.dump(key) for key in redis.scan_iter()}
    with Served(tmp_path, "--redis-url", redis_server) as server:
        page = server.get("/queues", until=lambda answer: answer.status == 200 and "mail" in answer.text)

    assert page.title.startswith(
        ("The queues need attention", "The queues are in trouble")
    )  # the longer they wait
    assert {key: redis.dump(key) for key in redis.scan_iter()} == before


@pytest.mark.slow
def test_a_broker_that_does_not_answer_is_unknown_and_the_page_says_so(tmp_path):
    written(tmp_path / "slowtask.ndjson", [made("jobs.thumb", queue="mail")])
    with Served(tmp_path, SLOWTASK_REDIS_URL="redis://127.0.0.1:1") as server:
        page = server.get("/queues")

    assert page.status == 200
    assert "127.0.0.1:1" in page.text


@pytest.mark.slow
def test_polling_ends_when_nobody_looks(tmp_path):
    async def look():
        polling = Polling(Setup(sources=(str(tmp_path),)), idle=0.05)
        while (await polling.find())[0] is None:
            pass
        began = polling.pid
        while polling.pid is not None:  # noqa: ASYNC110 - it has no event for that
            await asyncio.sleep(0.05)
        await polling.close()
        return began

    assert asyncio.run(look())


@pytest.mark.slow
def test_an_elasticsearch_is_a_source(tmp_path, elasticsearch, access, namespace):
    index = f"logs-slowtask.run-{namespace}"
    runs = [
        made(f"shop.t{number % 3}", 1.0 + number, number, queue="mail", version="1.4") for number in range(60)
    ]
    assert not stored(elasticsearch, index, runs)
    secret = {f"SLOWTASK_ELASTICSEARCH_{name.upper()}": getattr(access, name) or "" for name in SECRETS}
    with Served(tmp_path, f"{access.url}/{index}", **secret) as server:
        pages = [server.get(target) for target in ("/", "/task/shop.t1", "/diff?at=2026-11-06T09:00:30")]

    assert [page.status for page in pages] == [200, 200, 200]
    assert "shop.t2 used" in pages[0].title
    assert "shop.t1" in pages[1].title
    assert "shop.t2" in pages[2].text
