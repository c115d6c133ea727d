"""A real Prometheus reads the metrics of runs, and what is shipped for it: the dashboard and the rules."""

import json
import math
import os
import random
import re
import subprocess
import sys
import urllib.request
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial

import msgspec
import pytest
from conftest import missing

from logs import line, made
from places import ROOT
from prometheus_server import Prometheus, find_program
from slowtask.cli.follow import FileFollower
from slowtask.demo.server import free_port
from slowtask.watch.broker import Memory, Poll, Queue
from slowtask.watch.broker.limits import MemoryLimit
from slowtask.watch.broker.track import Changes
from slowtask.watch.forecast import Forecast
from slowtask.watch.history import History
from slowtask.watch.judge import Capacity
from slowtask.watch.metrics.counts import RunCounts
from slowtask.watch.metrics.health import Health
from slowtask.watch.metrics.labels import OTHER
from slowtask.watch.metrics.server import serve
from slowtask.watch.pace import Pace
from slowtask.watch.verdict import Finding, make_verdict
from slowtask.watch.view import QueueView, View

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("prometheus")]
SHIPPED = ROOT / "prometheus"
DASHBOARD = json.loads((SHIPPED / "grafana.json").read_text(encoding="utf-8"))
QUERIES = [
    (f"{panel['title']}, {target['refId']}", target["expr"])
    for panel in DASHBOARD["panels"]
    for target in panel["targets"]
]
PAGE = (ROOT / "docs" / "prometheus.md").read_text(encoding="utf-8")
EXAMPLES = [
    each for block in re.findall(r"```promql\n(.*?)```", PAGE, re.DOTALL) for each in block.splitlines()
]
LIMIT = 3  #: tasks with labels of their own
TASKS = ("shop.report", "shop.thumb", OTHER)  #: the last one is really called so
OTHERS = ("shop.mail", "shop.price")
RUNS = 200  #: of each task


def ended_now(task, number, **values):
    """A run of *task* that has just ended."""
    run = made(task, number=number, queue="mail", system="rq", **values)
    return msgspec.structs.replace(run, timestamp=datetime.now(UTC))


def make_runs():
    """Some runs of each task: waits and run times of all sizes, every tenth killed or failed."""
    rng = random.Random(7)
    return [
        ended_now(
            task, number,
            took=rng.lognormvariate(0, 1.5),
            wait=round(rng.lognormvariate(2, 1) * 1e9),
            cpu=5_000_000, memory=80_000_000 + number,
            action={0: "killed", 5: "failed"}.get(number % 10, "finished"),
        )
        for number in range(RUNS)
        for task in (*TASKS, *OTHERS)
    ]  # fmt: skip


def append(path, runs):
    with path.open("ab") as file:
        file.write(b"".join(line(run) + b"\n" for run in runs))


def make_view():
    """A poll of a busy, nearly full broker."""
    memory = MemoryLimit(used=75, maximum=100)
    queue = QueueView(
        queue=Queue(name="mail", depth=9, running=2, workers=2, busy=2, oldest=65_000_000_000),
        pace=Pace(arrivals=2.0, departures=1.9, busy=0.9),
        needed=5,
    )
    return View(
        poll=Poll(time=0, system="rq", name="redis", queues=[queue.queue], workers=[],
                  memory=Memory(used=75, limit=100)),
        capacities=[Capacity(limit=memory, forecast=Forecast(seconds=600.0, soonest=500.0, latest=700.0))],
        queues=[queue], overruns=(), owners=(), changes=Changes(),
    )  # fmt: skip


class Site:
    """The monitor's metrics, of a log that is followed and of a poll, and who scrapes them."""

    def __init__(self, folder):
        self.path = folder / "runs.ndjson"
        self.runs = []
        self._counts = RunCounts(LIMIT)
        self._history = History(on_run=self._counts.add)
        health = Health(3600.0)
        notes = {"flow": ("ok", ""), "workers": ("ok", ""), "broker": ("warning", "")}
        late = Finding(name="workers-held", part="flow", subject="mail", queue="mail", value=2.0, warning=1.0,
                       critical=2.0, message="held")  # fmt: skip
        health.update(make_view(), make_verdict([late], notes))
        self.server = serve("127.0.0.1:0", health, (self._counts, self._history))
        self._follow = FileFollower([str(self.path)])

    def write(self, runs):
        """Have *runs* end, and read them."""
        self.runs += runs
        append(self.path, runs)
        self._follow(self._history)


def require(name):
    return find_program(name) or missing(f"{name}, of the package prometheus")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A site on which all tasks ran before the monitor started, and again when Prometheus looked."""
    require("prometheus")
    folder = tmp_path_factory.mktemp("prometheus")
    for name in ("native", "classic"):
        (folder / name).mkdir()
    before = [made(task, took=9.0 - number, number=number, queue="mail", system="rq")
              for number, task in enumerate((*TASKS, *OTHERS))]  # fmt: skip
    append(folder / "runs.ndjson", before)
    site = Site(folder)
    site.write([])
    port, rules = site.server.server_port, [SHIPPED / "rules.yml"]
    with (
        Prometheus(folder / "native", port, native=True, rules=rules) as site.native,
        Prometheus(folder / "classic", port, native=False, rules=rules) as site.classic,
    ):
        for each in (site.native, site.classic):
            each.wait_for(lambda each=each: each.query('slowtask_attempts_total{action="killed"} == 0'))
        site.write(make_runs())
        for each in (site.native, site.classic):
            each.wait_for(lambda each=each: each.number("sum(slowtask_attempts_total)") == len(site.runs))
            each.wait_for(lambda each=each: each.query("slowtask:runs:increase1h > 0"))
            each.wait_for(lambda each=each: each.query("slowtask:wait_late:ratio_rate1h"))
        yield site
    site.server.shutdown()
    site.server.server_close()


@pytest.fixture(params=["native", "classic"])
def prometheus(request, site):
    return getattr(site, request.param)


def took(site, *tasks):
    """The run times of *tasks* in seconds, the shortest first."""
    return sorted(run.duration / 1e9 for run in site.runs if run.task in tasks)


def test_attempts_are_as_many_as_in_the_log_by_task_and_end(site, prometheus):
    found = prometheus.numbers("slowtask_attempts_total > 0", "task", "action")

    share = {"finished": RUNS * 0.8, "killed": RUNS * 0.1, "failed": RUNS * 0.1}
    expected = {
        (task, action): n
        for task in ("shop.report", "shop.thumb", rf"\{OTHER}")
        for action, n in share.items()
    }
    shared = {(OTHER, action): len(OTHERS) * n for action, n in share.items()}
    assert found == expected | shared


def test_native_histograms_count_each_run_and_wait_of_the_log(site):
    for name in ("slowtask_run_seconds", "slowtask_wait_seconds"):
        counts = site.native.numbers(f"histogram_count({name})", "task")
        assert counts == {(task,): RUNS for task in ("shop.report", "shop.thumb", rf"\{OTHER}")} | {
            (OTHER,): 2 * RUNS
        }

    sums = site.native.numbers("histogram_sum(slowtask_run_seconds)", "task")
    assert sums["shop.report",] == pytest.approx(sum(took(site, "shop.report")))


def test_classic_histograms_count_each_run_of_the_log_in_its_bucket(site):
    counts = site.classic.numbers('slowtask_run_seconds_bucket{task="shop.thumb"}', "le")
    times = took(site, "shop.thumb")

    assert counts == {(le,): sum(each <= float(le) for each in times) for (le,) in counts}
    assert len(counts) == 18


@pytest.mark.parametrize("share", [0.5, 0.95, 0.99])
def test_native_quantiles_are_within_a_bucket_of_the_true_ones(site, share):
    found = site.native.number(f'histogram_quantile({share}, slowtask_run_seconds{{task="shop.report"}})')
    true = took(site, "shop.report")[math.ceil(RUNS * share) - 1]

    assert found == pytest.approx(true, rel=2 ** (1 / 8) - 1)


def test_classic_quantiles_are_in_the_bucket_of_the_true_ones(site):
    query = 'histogram_quantile(0.95, slowtask_run_seconds_bucket{task="shop.report"})'
    true = took(site, "shop.report")[math.ceil(RUNS * 0.95) - 1]
    bounds = [float(le) for (le,) in site.classic.numbers("slowtask_run_seconds_bucket", "le")]

    below, above = max(each for each in bounds if each < true), min(each for each in bounds if each >= true)
    assert below <= site.classic.number(query) <= above


def test_what_ran_before_the_start_is_not_counted_and_that_is_told(site, prometheus):
    assert prometheus.number("slowtask_monitor_earlier_runs_total") == len(TASKS) + len(OTHERS)


def test_nothing_is_nan(prometheus):
    values = prometheus.query('{__name__=~"slowtask.+"}')

    assert len(values) > 90
    assert [labels for labels, value in values if value == "NaN"] == []


@pytest.mark.parametrize("record", re.findall(r"record: (\S+)", (SHIPPED / "rules.yml").read_text()))
def test_each_recorded_number_is_there_with_both_kinds_of_histograms(prometheus, record):
    found = prometheus.query(record)

    assert found
    assert all(math.isfinite(float(value)) for _, value in found)


def test_the_share_of_late_jobs_is_the_same_with_both_kinds_of_histograms(site):
    waits = [run.wait / 1e9 for run in site.runs if run.wait is not None]
    true = sum(each > 60 for each in waits) / len(waits)
    query = "slowtask:wait_late:ratio_rate1h"

    assert true > 0.01
    assert site.classic.number(query) == pytest.approx(true, abs=0.001)
    assert site.native.number(query) == pytest.approx(true, abs=0.01)


@pytest.mark.parametrize("query", [query for _, query in QUERIES], ids=[title for title, _ in QUERIES])
def test_each_query_of_the_dashboard_has_series(prometheus, query):
    for name, value in {"$__rate_interval": "1m", "$__range": "1h", "$system": "rq", "$queue": ".*"}.items():
        query = query.replace(name, value)
    found = [float(value) for _, value in prometheus.query(query)]

    assert "$" not in query
    assert found
    assert all(map(math.isfinite, found))


@pytest.mark.parametrize("query", EXAMPLES)
def test_each_query_of_the_page_has_series(site, query):
    prometheus = site.classic if "_bucket" in query else site.native
    found = [float(value) for _, value in prometheus.query(query)]

    assert found
    assert all(map(math.isfinite, found))


def test_the_metrics_are_named_as_prometheus_wants_it(site):
    with urllib.request.urlopen(f"http://127.0.0.1:{site.server.server_port}/metrics") as answer:
        text = answer.read()
    done = subprocess.run(
        [require("promtool"), "check", "metrics"], input=text, capture_output=True, check=False
    )

    assert done.stdout + done.stderr == b""


@pytest.mark.parametrize(
    "command",
    [("check", "rules", "rules.yml"), ("check", "config", "prometheus.yml"), ("test", "rules", "tests.yml")],
)
def test_promtool_accepts_the_rules_and_their_tests_pass(command):
    done = subprocess.run(
        [require("promtool"), *command], cwd=SHIPPED, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "SUCCESS" in done.stdout


@contextmanager
def monitor(path, port, redis_server):
    """A real monitor that reads the log at *path* and serves its metrics at *port*."""
    settings = {"REDIS_URL": redis_server, "MONITOR_RUNS": str(path), "MONITOR_METRICS": f"127.0.0.1:{port}",
                "MONITOR_INTERVAL": "0.2", "MONITOR_LOG": "off"}  # fmt: skip
    environment = os.environ | {f"SLOWTASK_{name}": value for name, value in settings.items()}
    command = [sys.executable, "-m", "slowtask", "monitor"]
    with (path.parent / "monitor.log").open("ab") as log:
        process = subprocess.Popen(command, env=environment, stderr=log, cwd=path.parent)
    yield
    process.terminate()
    assert process.wait(timeout=60) == 0


@pytest.mark.redis
def test_a_restart_of_the_monitor_is_a_reset_of_counters_not_a_loss(tmp_path, redis_server):
    require("prometheus")
    path, port = tmp_path / "runs.ndjson", free_port()
    total = "sum(slowtask_attempts_total)"
    with Prometheus(tmp_path, port, native=True) as prometheus:
        append(path, [made("shop.mail", queue="mail", system="rq")])
        for start in range(2):
            with monitor(path, port, redis_server):
                earlier = f"slowtask_monitor_earlier_runs_total == {1 + 50 * start}"
                prometheus.wait_for(partial(prometheus.query, f"{earlier} and on () {total} == 0"))
                numbers = range(50 * start, 50 * start + 50)
                append(path, [ended_now("shop.mail", each, action="finished") for each in numbers])
                prometheus.wait_for(partial(prometheus.query, f"{total} == 50"))
        resets = prometheus.number('max(resets(slowtask_attempts_total{action="finished"}[10m]))')
        grown = prometheus.number("sum(increase(slowtask_attempts_total[10m]))")
        grown_native = prometheus.number("sum(histogram_count(increase(slowtask_run_seconds[10m])))")

    assert resets == 1
    # Prometheus extrapolates to the edges of the time, the more the fewer samples it has. A loss would be 50.
    assert 75 < grown < 175
    assert 75 < grown_native < 175
