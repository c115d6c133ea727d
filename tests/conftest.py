"""What the tests share: a real Redis, and the outcome matrix printed at the end."""

import os
import shutil
import socket
import subprocess
import time
from collections import defaultdict

import hypothesis
import pytest
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

hypothesis.settings.register_profile("slowtask", deadline=None)  # the machine's pace proves nothing
hypothesis.settings.load_profile("slowtask")

IN_CI = bool(os.environ.get("CI"))


def missing(what):
    """Skip at home, fail in CI: a test that can't run must not look like one that passed."""
    (pytest.fail if IN_CI else pytest.skip)(f"{what}: this test can't run without it")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory):
    """A Redis of the tests' own, on loopback, without persistence; one for each test process."""
    binary = shutil.which("redis-server")
    if binary is None:
        missing("redis-server")
    port = free_port()
    folder = tmp_path_factory.mktemp("redis")
    command = [binary, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        redis = Redis(port=port)
        wait_until(lambda: answers(redis))
        yield f"redis://127.0.0.1:{port}/0"
        redis.close()
        server.terminate()


def answers(redis):
    try:
        return redis.ping()
    except RedisConnectionError:
        return False


@pytest.fixture
def redis(redis_server):
    """A client of an empty Redis."""
    with Redis.from_url(redis_server) as client:
        client.flushall()
        yield client


def wait_until(holds, seconds=20.0):
    """Poll until *holds* is true; what it returned."""
    end = time.monotonic() + seconds
    while not (value := holds()):
        if time.monotonic() > end:
            pytest.fail(f"waited {seconds:.0f} s in vain")
        time.sleep(0.02)
    return value


def pytest_terminal_summary(terminalreporter):
    """Print the outcome matrix: for each outcome and worker, the actions recorded."""
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
