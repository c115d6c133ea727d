"""The folders of the package stand in the order of the flow: imports lead downwards, never in a circle."""

import subprocess
import sys
import tomllib
from collections import Counter
from itertools import product

import pytest

from environments import OURS
from imports import circles, imports_of
from places import ROOT

PACKAGE = ROOT / "app" / "slowtask"
#: From the ground up: a folder imports from those below it, never from one beside or above it.
FLOORS = [
    {"", "errors", "install", "units", "shipped"},
    {"record"},
    {"rq", "celery", "parse", "watch"},
    {"store", "demo", "doctor"},
    {"rank", "otel"},
    {"cli"},
    {"__main__"},
]
#: In the wheel of a worker; slowtask-cli has the others.
LIGHT = {"", "__main__", "celery", "doctor", "errors", "install", "record", "rq", "units"}
FLOOR = {folder: number for number, floor in enumerate(FLOORS) for folder in floor}
IMPORTS = imports_of(PACKAGE)
#: What a worker must not wait for.
HEAVY = {"duckdb", "click", "rich", "elasticsearch", "redis", "rq", "celery", "apprise"}


def folder(module):
    """`watch` of `slowtask.watch.broker.rq`; empty for the package itself."""
    return f"{module}.".split(".")[1]


def arrows():
    """The folders that import another one."""
    return {(folder(name), folder(target)) for name, targets in IMPORTS.items() for target in targets}


def test_no_modules_import_each_other_in_a_circle():
    assert circles(IMPORTS) == []


def test_a_circle_would_be_found():
    found = circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}})

    assert found == [["b", "c"]]


def test_every_folder_has_its_floor():
    assert {folder(name) for name in IMPORTS} == {*FLOOR}


def test_imports_lead_downwards():
    wrong = {
        (one, other)
        for one, other in arrows()
        if one != other and one and FLOOR[other] >= FLOOR[one]  # the package itself takes `configure`
    }

    assert wrong == set()


def test_the_outcome_tests_run_with_what_a_worker_installs_and_no_more():
    """redis-py comes with RQ, or with Celery's extra."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert {*OURS} - {"redis"} == {each.partition(">=")[0] for each in project["dependencies"]}


def test_what_a_worker_installs_needs_nothing_of_the_command_line():
    assert not arrows() & set(product(LIGHT, {*FLOOR} - LIGHT))


def test_no_two_files_of_tests_have_one_name():
    """pytest imports them by their names alone, and leaves out the second."""
    names = Counter(path.name for path in (ROOT / "tests").rglob("test_*.py"))

    assert [name for name, count in names.items() if count > 1] == []


def test_the_monitor_needs_neither_the_parser_nor_the_ranking():
    assert not arrows() & set(product(["watch"], ["parse", "store", "rank"]))


@pytest.mark.parametrize("module", ["slowtask", "slowtask.record"])
def test_a_worker_imports_nothing_heavy(module):
    code = f"import sys, {module}; print(sorted({HEAVY} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"
