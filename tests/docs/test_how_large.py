"""The figures of "How large?" are those of the arithmetic in bench/, which anyone can repeat."""

import re
import subprocess
import sys
import tomllib

import pytest

from places import DOCS, ROOT

sys.path.append(str(ROOT / "bench"))
from large import ASSUMED, COSTS, Plan, cost_table, plan_table

PAGE = (DOCS / "how-large.md").read_text()
PLANS = [Plan(attempts=each) for each in (1e6, 1e8, 1e9)]
RESULTS = (ROOT / "bench" / "RESULTS.md").read_text()


@pytest.mark.parametrize("table", [cost_table(), plan_table(PLANS)], ids=["costs", "plan"])
def test_the_page_has_the_table_as_it_is_computed(table):
    assert table in PAGE


def test_the_command_of_the_page_prints_both_tables():
    [command] = re.findall(r"^\.venv/bin/python (bench/bench_large\.py)$", PAGE, re.MULTILINE)
    done = subprocess.run([sys.executable, ROOT / command], capture_output=True, text=True, check=True)

    assert cost_table() in done.stdout
    assert plan_table(PLANS) in done.stdout


def test_every_cost_stands_in_the_results():
    """Each as it was measured, so that nobody has to believe large.toml."""
    [section] = re.findall(r"^## How large.*?(?=^## )", RESULTS, re.MULTILINE | re.DOTALL)
    costs = tomllib.loads((ROOT / "bench" / "large.toml").read_text())["costs"]

    assert [name for name, value in costs.items() if f"| `{name}` | {value} |" not in section] == []


def test_every_assumption_stands_on_the_page():
    told = {
        f"{ASSUMED.peak} times the mean",
        f"{ASSUMED.retention_days} days",
        f"{ASSUMED.shard_documents // 10**6} million documents",
        f"{ASSUMED.node_terabytes} TB",
        f"{ASSUMED.free_disk:.0%}".replace("%", " %"),
    }

    assert {each for each in told if each not in PAGE} == set()


def test_ten_times_the_attempts_need_ten_times_the_disk_and_cores():
    one, ten = Plan(attempts=1e8), Plan(attempts=1e9)

    assert ten.disk == pytest.approx(10 * one.disk)
    assert ten.cores(COSTS.index_us) == pytest.approx(10 * one.cores(COSTS.index_us))


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: f"{plan.attempts:.0e}")
def test_no_shard_of_a_plan_is_larger_than_elasticsearch_lets_it_become(plan):
    assert plan.shard <= 50e9
    assert plan.attempts / plan.primaries * plan.index_days <= ASSUMED.shard_documents
    assert plan.disk * (1 - ASSUMED.free_disk) <= plan.nodes * ASSUMED.node_terabytes * 1e12
