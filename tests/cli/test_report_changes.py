"""The section of a report that says what changed."""

import math
import random
import re

import pytest
from test_cli_report import reported

from logs import made, written

CHANCE = random.Random(15)


def runs(task, seconds, version, start, count=150):
    times = [seconds * CHANCE.lognormvariate(0, 0.3) for _ in range(count)]
    return [made(task, took, start + place, version=version) for place, took in enumerate(times)]


def test_the_words_of_the_table_are_explained(tmp_path):
    log = written(tmp_path / "a.ndjson", runs("a", 1.0, "1.4", 0, 5) + runs("a", 1.0, "1.5", 150, 5))
    html = reported(tmp_path, log, "--by", "version", "1.4", "1.5")

    assert "too few runs: a change by 1.3 times wouldn" in html


def test_the_whole_interval_of_a_slower_task_is_drawn(tmp_path):
    """The scale used to end at the ratio itself, and cut the upper half of its interval."""
    log = written(tmp_path / "a.ndjson", runs("a", 1.0, "1.4", 0) + runs("a", 2.5, "1.5", 150))
    html = reported(tmp_path, log, "--by", "version", "1.4", "1.5")

    [(left, width)] = re.findall(r'<i style="left:([\d.]+)%;width:([\d.]+)%"', html)
    [(low, high)] = re.findall(r"<b>.[\d.]+ \(([\d.]+).([\d.]+)\)</b>", html)
    reach = math.log(float(high))

    assert float(left) == pytest.approx(50 + 50 * math.log(float(low)) / reach, abs=0.5)
    assert float(left) + float(width) == pytest.approx(100)
