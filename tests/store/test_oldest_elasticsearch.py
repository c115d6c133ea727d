"""The oldest Elasticsearch that slowtask supports passes the tests of each call that slowtask makes."""

import os
import subprocess
import sys

import pytest
from conftest import missing, run_folder

from elastic import server
from elastic.distribution import OLDEST
from places import ROOT
from slowtask.store.elastic.client import MIN_VERSION

pytestmark = [pytest.mark.rare, pytest.mark.slow, pytest.mark.server, pytest.mark.xdist_group("oldest")]

#: What the tests of each file are about.
FILES = {
    "test_elastic_setup.py": "templates, streams, roles, users, storing",
    "test_elastic_renewal.py": "a stream that changes while it is renewed",
    "test_elastic_alike.py": "what a report, a task's page, a replay, a comparison and alerts ask",
    "test_elastic_rollup.py": "writing hours, once, in place of others",
    "test_elastic_errors.py": "API keys, and what is refused",
}


@pytest.fixture(scope="module")
def oldest(tmp_path_factory):
    """A server of that version, with TLS and security."""
    folder = run_folder(tmp_path_factory)
    try:
        return server.started(folder, "elasticsearch-oldest", version=OLDEST, heap="512m")
    except server.NoElasticsearchError as problem:
        return missing(f"Elasticsearch {OLDEST} ({problem})")


def run_tests(cluster, name):
    """Run the tests of the file *name* with *cluster*, in a process that knows nothing of this one."""
    login = f"{cluster.username}:{cluster.password}@"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment["ELASTICSEARCH_URL"] = cluster.url.replace("://", f"://{login}")
    environment["ELASTICSEARCH_CA_FILE"] = cluster.ca
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"tests/store/{name}"]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def test_it_is_the_version_that_slowtask_asks_for(oldest):
    version = oldest.request("GET", "/")["version"]["number"]

    assert version == OLDEST == "{}.{}.0".format(*MIN_VERSION)


@pytest.mark.parametrize("name", FILES, ids=FILES.get)
def test_it_passes_the_tests_of(oldest, name):
    done = run_tests(oldest, name)

    assert done.returncode == 0, done.stdout[-5000:]
