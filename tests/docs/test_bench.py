"""Benchmarks are run seldom: their names must not fall behind the code's."""

import subprocess
import sys

import pytest

from places import ROOT

BENCHMARKS = sorted((ROOT / "bench").glob("bench_*.py"))


@pytest.mark.parametrize("path", [*BENCHMARKS, ROOT / "bench" / "measure.py"], ids=lambda path: path.name)
def test_a_benchmark_imports_what_it_measures(path):
    done = subprocess.run([sys.executable, path, "--help"], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
