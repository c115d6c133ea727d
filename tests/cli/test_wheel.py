"""The two wheels, built and installed in empty environments, are all that a worker and a user need."""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from hashlib import sha256

import pytest
from conftest import missing

from environments import ROOT, find_python, uv
from places import GOLDEN

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("wheel")]


@pytest.fixture(scope="module")
def dist(tmp_path_factory):
    """A folder with what `make wheel` builds: both wheels, and the archives of their sources."""
    folder = tmp_path_factory.mktemp("dist")
    for source in (ROOT, ROOT / "slowtask-cli"):
        build(source, folder)
    return folder


def build(source, folder, *options):
    command = [sys.executable, "-m", "hatchling", "build", "-d", folder, *options]
    release = os.environ | {"SLOWTASK_RELEASE": "1"}
    subprocess.run(command, cwd=source, env=release, check=True, capture_output=True)


def wheels(folder):
    """The wheel of a worker, and that of the command line."""
    return next(folder.glob("slowtask-*.whl")), next(folder.glob("slowtask_cli-*.whl"))


def names(wheel):
    return set(zipfile.ZipFile(wheel).namelist())


def install(folder, *requirements, dist=None, python=sys.executable):
    """The programs of a new environment of *python* that has *requirements* and nothing else."""
    uv("venv", "--python", python, folder)
    links = ("--find-links", dist) if dist else ()
    uv("pip", "install", "--python", folder / "bin" / "python", *links, *requirements)
    return folder / "bin"


@pytest.fixture(scope="module")
def installed(dist, tmp_path_factory):
    """The programs of an environment that has `slowtask-cli[demo]` and nothing else."""
    return install(tmp_path_factory.mktemp("cli") / "venv", "slowtask-cli[demo]", dist=dist)


@pytest.fixture(scope="module")
def worker(dist, tmp_path_factory):
    """The programs of an environment of workers: RQ, Celery, slowtask, and nothing else."""
    return install(tmp_path_factory.mktemp("worker") / "venv", "rq", "celery", "slowtask", dist=dist)


def run(program, *arguments, cwd, **environment):
    clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    command = [program, *arguments]
    return subprocess.run(
        command, cwd=cwd, env=clean | environment, capture_output=True, text=True, check=True
    )


def test_they_share_no_file_and_have_all_of_the_package(dist):
    light, cli = map(names, wheels(dist))
    package = {str(path.relative_to(ROOT / "app")) for path in (ROOT / "app").rglob("*.py")}

    assert not light & cli
    assert package <= light | cli


def test_they_hold_the_package_its_types_and_the_patterns_and_no_more(dist):
    light, cli = map(names, wheels(dist))

    assert "slowtask/py.typed" in light
    assert "slowtask/logstash/patterns/slowtask" in cli
    assert "slowtask/kibana/slowtask.ndjson" in cli
    package = {"cli/show/report/page.html", "cli/show/report/lines.json", "store/sql/history.sql"}
    assert {f"slowtask/{each}" for each in package} <= cli
    assert {name.split("/")[0] for name in light | cli if ".dist-info/" not in name} == {"slowtask"}


def test_built_again_from_the_archived_sources_they_are_the_same_byte_for_byte(dist, tmp_path, monkeypatch):
    """On another day, in another folder, by another user."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    for archive in dist.glob("*.tar.gz"):
        shutil.unpack_archive(archive, tmp_path, filter="data")
        source = tmp_path / archive.name.removesuffix(".tar.gz")
        for path in (source, *source.rglob("*")):
            os.utime(path, (1_000_000_000, 1_000_000_000))
            path.chmod(path.stat().st_mode & ~0o077)
        build(source, tmp_path / "again")

    assert hashes(tmp_path / "again") == hashes(dist)


def hashes(folder):
    """The hash of each of the four files, by its name."""
    found = {path.name: sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
    assert len(found) == 4
    return found


def test_an_index_of_packages_would_take_them(dist):
    command = [sys.executable, "-m", "twine", "check", "--strict", *dist.iterdir()]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout
    assert done.stdout.count("PASSED") == 4


def contents(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_what_is_built_in_a_checkout_takes_slowtask_from_that_checkout(tmp_path):
    """So that `pipx install ./slowtask/slowtask-cli` works though nothing is released."""
    clean = {key: value for key, value in os.environ.items() if key != "SLOWTASK_RELEASE"}
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path]
    subprocess.run(command, cwd=ROOT / "slowtask-cli", env=clean, check=True, capture_output=True)
    [metadata] = [
        text for name, text in contents(next(tmp_path.iterdir())).items() if name.endswith("METADATA")
    ]

    assert f"Requires-Dist: slowtask @ {ROOT.as_uri()}\n" in metadata.decode()


@pytest.mark.parametrize("first", ["slowtask", "slowtask-cli"])
def test_uninstalled_in_any_order_they_leave_nothing(dist, tmp_path, first):
    programs = install(tmp_path / "venv", "slowtask-cli", dist=dist)
    [package] = (tmp_path / "venv").glob("lib/python3*/site-packages/slowtask")
    second = {"slowtask": "slowtask-cli", "slowtask-cli": "slowtask"}[first]

    uv("pip", "uninstall", "--python", programs / "python", first)
    assert package.exists()
    uv("pip", "uninstall", "--python", programs / "python", second)

    assert not package.exists()
    assert not [*programs.glob("slowtask*")]


def test_a_worker_can_import_all_that_its_wheel_has(worker, dist, tmp_path):
    light, _ = wheels(dist)
    modules = [
        name.removesuffix(".py").replace("/", ".") for name in sorted(names(light)) if name.endswith(".py")
    ]
    script = f"import importlib; print([importlib.import_module(each) and each for each in {modules}])"

    assert run(worker / "python", "-c", script, cwd=tmp_path).stdout == f"{modules}\n"


def test_a_worker_gets_two_libraries_beside_slowtask(dist, tmp_path):
    programs = install(tmp_path / "venv", "slowtask", dist=dist)
    script = "from importlib.metadata import distributions as d; print(sorted(each.name for each in d()))"

    assert run(programs / "python", "-c", script, cwd=tmp_path).stdout == (
        "['msgspec', 'python-json-logger', 'slowtask']\n"
    )


def test_a_worker_is_told_how_to_get_the_commands(worker, tmp_path):
    command = [worker / "slowtask", "top", "worker.log"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (1, "")
    assert (
        done.stderr
        == "slowtask: top needs slowtask-cli, which isn't installed here: pip install slowtask-cli\n"
    )


def test_it_parses_and_ranks(installed, tmp_path):
    """So the patterns and the SQL came along."""
    shutil.copy(GOLDEN / "rq-3.0.0-worker.log", tmp_path / "worker.log")
    parsed = run(installed / "slowtask", "parse", "worker.log", cwd=tmp_path).stdout
    ranked = run(installed / "slowtask", "top", "worker.log", cwd=tmp_path).stdout

    assert '"task.name":"jobs.send_mail"' in parsed
    assert "17 runs of 6 tasks" in ranked


@pytest.mark.rare
@pytest.mark.parametrize("version", ["3.12", "3.13", "3.14"])
def test_on_other_pythons_it_ranks_and_demonstrates_itself(dist, tmp_path, version):
    """Workers and all: the demonstration records what it ranks."""
    python = find_python(version) or missing(f"Python {version}")
    programs = install(tmp_path / "venv", "slowtask-cli[demo]", dist=dist, python=python)
    shutil.copy(GOLDEN / "rq-3.0.0-worker.log", tmp_path / "worker.log")

    assert "17 runs of 6 tasks" in run(programs / "slowtask", "top", "worker.log", cwd=tmp_path).stdout
    assert "6 runs of" in run(programs / "slowtask", "demo", "--jobs", "6", cwd=tmp_path).stdout


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


def test_the_doctor_says_the_same_with_and_without_the_command_line(worker, dist, tmp_path):
    both = install(tmp_path / "venv", "rq", "celery", "slowtask-cli", dist=dist)
    settings = {"RQ_WORKER_CLASS": "slowtask.rq.TimedWorker", "COLUMNS": "60"}

    light, full = (
        run(programs / "slowtask", "doctor", cwd=tmp_path, **settings).stdout.partition("\nRQ\n")
        for programs in (worker, both)
    )

    said = [
        re.sub(r"[\d.]+ .B are free", "much is free", each[2]) for each in (light, full)
    ]  # others write too
    assert said[0] == said[1]
    assert "much is free" in said[0]
    assert "its workers" in said[0]


def test_where_a_library_is_missing_it_is_named(worker, tmp_path):
    """As after a `pip install --no-deps`."""
    command = [worker / "python", "-m", "slowtask", "top", "-"]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "app")}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "slowtask: the library " in done.stderr
    assert done.stderr.endswith("isn't installed: pip install slowtask-cli\n")


@pytest.mark.parametrize("options", [["--version"], ["--help"], ["doctor", "--help"], []])
def test_a_worker_has_the_options_that_every_program_has(worker, tmp_path, options):
    assert run(worker / "slowtask", *options, cwd=tmp_path).stdout


def test_with_the_extras_rq_and_celery_it_reads_celery_on_redis(dist, redis, redis_server, tmp_path):
    """kombu's transport for Redis needs more than kombu and redis-py."""
    programs = install(tmp_path / "venv", "slowtask-cli[rq,celery]", dist=dist)
    publish = (
        f"from celery import Celery; Celery(broker={redis_server!r}).send_task('shop.mail', queue='mail')"
    )
    run(programs / "python", "-c", publish, cwd=tmp_path)

    done = run(programs / "slowtask", "status", "--json", "--celery-url", redis_server, cwd=tmp_path)

    [queue] = json.loads(done.stdout)["queues"]
    assert (queue["queue"], queue["depth"], queue["backlog"][0]["task"]) == ("mail", 1, "shop.mail")
