"""What the tests share: real servers, what marks a test, and the outcome matrix printed at the end."""

import os
import shutil
import time
import uuid
from collections import Counter, defaultdict

import hypothesis
import pytest
from redis import Redis

import chromium
import ingest
import no_servers
import rabbit
import sharing
from elastic import server as elasticsearch_server
from pipeline import logstash
from slowtask.demo.server import Server
from slowtask.errors import BrokerError
from slowtask.store.elastic.access import Access
from slowtask.store.elastic.client import connect
from slowtask.store.elastic.setup import SetupOptions, setup
from web import Web

hypothesis.settings.register_profile(  # the machine's pace proves nothing
    "slowtask", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("slowtask")

IN_CI = bool(os.environ.get("CI"))

#: Seconds until what doesn't happen is a failure: far more than a busy machine needs for anything here.
PATIENCE = 120.0


#: What is wrong with a worker's settings, and costs its tasks nothing.
TROUBLES = {
    "disk full": {"SLOWTASK_LOG": "/dev/full"},
    "unwritable": {"SLOWTASK_LOG": "/proc/nowhere/runs.ndjson"},
    "labels": {"SLOWTASK_LABELS": "no.such.callback"},
    "setting": {"SLOWTASK_LOG_MAX_BYTES": "much"},
}


#: The fixtures that start a server, or a Java that takes as long.
SERVERS = {"redis_server", "rabbitmq", "cluster", "own_cluster", "jruby", "ingest_classes"}
#: Which command runs what is deselected here.
WHERE = {
    "stack": "make test-stack",
    "rare": "make test-all",
    "server": "make test",
    "slow": "make test",
}
DESELECTED = pytest.StashKey[Counter]()


def pytest_addoption(parser):
    parser.addoption("--no-servers", action="store_true", help="a test that uses a server fails")


def pytest_configure(config):
    config.stash[DESELECTED] = Counter()
    if config.getoption("no_servers"):
        folder = no_servers.guard()
        config.add_cleanup(lambda: shutil.rmtree(folder))


@pytest.hookimpl(tryfirst=True)  # before `-m` selects by it
def pytest_collection_modifyitems(items):
    """Mark what needs a server."""
    for item in items:
        if SERVERS.intersection(item.fixturenames) or item.get_closest_marker("redis"):
            item.add_marker("server")


def pytest_deselected(items):
    for item in items:
        chosen = item.config.option.markexpr
        mark = next((mark for mark in WHERE if mark in chosen and item.get_closest_marker(mark)), None)
        if mark:
            item.config.stash[DESELECTED][mark] += 1


def pytest_testnodedown(node):
    """A process of the run has ended: all have deselected the same."""
    node.config.stash[DESELECTED] = Counter(getattr(node, "workeroutput", {}).get("deselected", {}))


def missing(what):
    """Skip at home, fail in CI: a test that can't run must not look like one that passed."""
    (pytest.fail if IN_CI else pytest.skip)(f"{what}: this test can't run without it")


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory):
    """The address of a Redis of the tests' own; one for each test process."""
    try:
        server = Server(tmp_path_factory.mktemp("redis"))
        with server:
            yield server.url
    except BrokerError as problem:
        missing(str(problem))


@pytest.fixture
def redis(redis_server):
    """A client of an empty Redis."""
    with Redis.from_url(redis_server) as client:
        client.config_set("maxmemory", "0")
        client.flushall()
        yield client


def run_folder(tmp_path_factory):
    """The folder that all processes of this test run share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session")
def rabbitmq(tmp_path_factory):
    """A real RabbitMQ with its management plugin; one for the whole test run."""
    try:
        yield rabbit.shared_node(run_folder(tmp_path_factory))
    except BrokerError as problem:
        missing(f"RabbitMQ ({problem})")


@pytest.fixture
def vhost(rabbitmq):
    """The address of a virtual host that no other test uses."""
    name = f"test-{uuid.uuid4().hex}"
    yield rabbitmq.add_vhost(name)
    rabbitmq.drop_vhost(name)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    """A real Elasticsearch, with TLS and security; one for the whole test run."""
    try:
        yield elasticsearch_server.shared(run_folder(tmp_path_factory))
    except elasticsearch_server.NoElasticsearchError as problem:
        missing(f"Elasticsearch ({problem})")


@pytest.fixture(scope="session")
def access(cluster):
    """The way to it, as its administrator."""
    return find_way(cluster)


def find_way(cluster):
    """The way to *cluster*, as its administrator."""
    return Access(url=cluster.url, username=cluster.username, password=cluster.password, ca_file=cluster.ca)


@pytest.fixture(scope="session")
def elasticsearch(access, tmp_path_factory):
    """A client of it, set up for slowtask once in a test run."""
    client, done = connect(access), run_folder(tmp_path_factory) / "elasticsearch.done"
    with sharing.locked(done.with_suffix(".lock")):
        if not done.exists():
            list(setup(client, access, SetupOptions()))
            done.touch()
    return client


@pytest.fixture(scope="session")
def own_cluster(tmp_path_factory):
    """Another Elasticsearch, for tests of one group that change what all tests share: templates, passwords.

    A template of the user's own holds for each new stream of any test, and then `setup` rolls over all.
    """
    try:
        yield elasticsearch_server.shared(run_folder(tmp_path_factory), "elasticsearch-setup", heap="512m")
    except elasticsearch_server.NoElasticsearchError as problem:
        missing(f"Elasticsearch ({problem})")


@pytest.fixture(scope="session")
def own_access(own_cluster):
    """The way to the other one, as its administrator."""
    return find_way(own_cluster)


@pytest.fixture(scope="session")
def own_elasticsearch(own_access):
    """A client of the other one, set up for slowtask."""
    client = connect(own_access)
    list(setup(client, own_access, SetupOptions()))
    return client


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """A Chromium."""
    if chromium.PROGRAM is None:
        missing("chromium")
    with chromium.Chromium(tmp_path_factory.mktemp("chromium")) as started:
        yield started


@pytest.fixture(scope="session")
def jruby():
    """What runs the Logstash filter."""
    try:
        logstash.install()
    except logstash.NoJRubyError as problem:
        missing(f"JRuby ({problem})")


@pytest.fixture(scope="session")
def ingest_classes():
    """What runs the ingest pipelines of the integration."""
    try:
        ingest.install()
    except ingest.IngestError as problem:
        missing(f"Elasticsearch's ingest classes ({problem})")


@pytest.fixture
def namespace():
    """The end of a data stream's name that no other test uses: `logs-slowtask.run-<namespace>`."""
    return uuid.uuid4().hex


def pytest_sessionfinish(session):
    """End the servers of this test run, once no process uses them."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        session.config.workeroutput["deselected"] = dict(session.config.stash[DESELECTED])
    else:
        folder = session.config._tmp_path_factory.getbasetemp()  # noqa: SLF001 - no other way
        elasticsearch_server.stop_shared(folder)
        rabbit.stop_shared(folder)


@pytest.fixture
def receiver(monkeypatch):
    """A receiver of OTLP; the variables of OpenTelemetry name it."""
    from otlp import forget_resources, receive

    with receive() as found:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", found.address)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "2")
        forget_resources()
        yield found
        forget_resources()


@pytest.fixture
def web():
    """A server that a channel can send to."""
    with Web() as found:
        yield found


@pytest.fixture
def no_pause(monkeypatch):
    """Those that follow logs look for them at each call."""
    for module in ("cli", "otel"):
        monkeypatch.setattr(f"slowtask.{module}.follow.FIND_INTERVAL", 0.0)


def wait_until(holds, seconds=PATIENCE):
    """Poll until *holds* is true; what it returned."""
    end = time.monotonic() + seconds
    while not (value := holds()):
        if time.monotonic() > end:
            pytest.fail(f"waited {seconds:.0f} s in vain")
        time.sleep(0.02)
    return value


def pytest_terminal_summary(terminalreporter, config):
    """Print what was left out, and the outcome matrix."""
    for mark, count in config.stash[DESELECTED].items():
        terminalreporter.write_line(f"deselected: {count} tests marked {mark}; `{WHERE[mark]}` runs them")
    report_matrix(terminalreporter)


def report_matrix(terminalreporter):
    """For each outcome and worker, the actions recorded."""
    cells = defaultdict(dict)
    columns = []
    for result in ("passed", "failed"):
        for report in terminalreporter.stats.get(result, []):
            for key, value in getattr(report, "user_properties", []):
                if key == "matrix":
                    outcome, column, cell = value
                    cells[outcome][column] = cell if result == "passed" else "FAILED"
                    columns += [column] if column not in columns else []
    if cells:
        terminalreporter.section("outcome matrix: the records that one job left, in order")
        print_matrix(terminalreporter, cells, sorted(columns))


def print_matrix(terminalreporter, cells, columns):
    for column in columns:
        terminalreporter.write_line(column)
        for outcome, row in cells.items():
            if column in row:
                terminalreporter.write_line(f"  {outcome:<18} {row[column]}")
