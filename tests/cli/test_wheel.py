"""The wheel, built and installed in an empty environment, is all that a user needs."""

import json
import os
import shutil
import subprocess
import sys
import zipfile

import pytest

from environments import ROOT, uv
from places import GOLDEN

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("wheel")]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The programs of an environment that has `slowtask[demo]` and nothing else."""
    folder = tmp_path_factory.mktemp("environment") / "venv"
    uv("venv", "--python", sys.executable, folder)
    uv("pip", "install", "--python", folder / "bin" / "python", f"{wheel}[demo]")
    return folder / "bin"


def run(program, *arguments, cwd, **environment):
    clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    command = [program, *arguments]
    return subprocess.run(
        command, cwd=cwd, env=clean | environment, capture_output=True, text=True, check=True
    )


def test_it_holds_the_package_its_types_and_the_patterns_and_no_more(wheel):
    names = zipfile.ZipFile(wheel).namelist()

    assert "slowtask/py.typed" in names
    assert "slowtask/logstash/patterns/slowtask" in names
    assert "slowtask/kibana/slowtask.ndjson" in names
    package = {"cli/show/report/page.html", "cli/show/report/lines.json", "store/sql/history.sql"}
    assert {f"slowtask/{each}" for each in package} <= set(names)
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"slowtask"}


def test_it_parses_and_ranks(installed, tmp_path):
    """So the patterns and the SQL came along."""
    shutil.copy(GOLDEN / "rq-3.0.0-worker.log", tmp_path / "worker.log")
    parsed = run(installed / "slowtask", "parse", "worker.log", cwd=tmp_path).stdout
    ranked = run(installed / "slowtask", "top", "worker.log", cwd=tmp_path).stdout

    assert '"task.name":"jobs.send_mail"' in parsed
    assert "17 runs of 6 tasks" in ranked


def test_it_brings_the_dashboards(installed, tmp_path):
    """Their folder has the name of the module that reads them."""
    script = "from slowtask.store.elastic import kibana; print(kibana.bundle().count(bytes([10])))"

    assert int(run(installed / "python", "-c", script, cwd=tmp_path).stdout) > 5


def test_it_demonstrates_itself_with_the_server_in_a_wheel(installed, tmp_path):
    """On a machine without redis-server."""
    done = run(installed / "slowtask", "demo", "--jobs", "6", cwd=tmp_path, PATH="/nowhere")

    assert "6 runs of" in done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_it_completes_commands_in_shells(installed, tmp_path, shell):
    """bash's completion asks for bash's version, so it has to be there."""
    done = run(installed / "slowtask", cwd=tmp_path, _SLOWTASK_COMPLETE=f"{shell}_source")

    assert "_SLOWTASK_COMPLETE" in done.stdout


def test_it_completes_the_name_of_a_command(installed, tmp_path):
    asked = {"_SLOWTASK_COMPLETE": "bash_complete", "COMP_WORDS": "slowtask co", "COMP_CWORD": "1"}

    assert run(installed / "slowtask", cwd=tmp_path, **asked).stdout == "plain,collapse\n"


def test_a_worker_needs_no_more_than_its_hooks(installed, tmp_path):
    """The command line's libraries aren't imported by a worker."""
    script = "import sys, slowtask.rq; print({'duckdb', 'click', 'rich'} & set(sys.modules))"
    worker = run(installed / "python", "-c", script, cwd=tmp_path).stdout
    plain = run(installed / "python", "-c", script.replace("slowtask.rq", "rq"), cwd=tmp_path).stdout

    assert worker == plain


def test_with_the_extras_rq_and_celery_it_reads_celery_on_redis(wheel, redis, redis_server, tmp_path):
    """kombu's transport for Redis needs more than kombu and redis-py."""
    uv("venv", "--python", sys.executable, tmp_path / "venv")
    programs = tmp_path / "venv" / "bin"
    uv("pip", "install", "--python", programs / "python", f"{wheel}[rq,celery]")
    publish = (
        f"from celery import Celery; Celery(broker={redis_server!r}).send_task('shop.mail', queue='mail')"
    )
    run(programs / "python", "-c", publish, cwd=tmp_path)

    done = run(programs / "slowtask", "status", "--json", "--celery-url", redis_server, cwd=tmp_path)

    [queue] = json.loads(done.stdout)["queues"]
    assert (queue["queue"], queue["depth"], queue["backlog"][0]["task"]) == ("mail", 1, "shop.mail")
