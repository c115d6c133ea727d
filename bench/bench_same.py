"""Whether runs give the same figures as JSON lines, packed, rolled up, in Elasticsearch, and rolled up there.

    .venv/bin/python bench/bench_same.py                  # a million runs, some five minutes
    .venv/bin/python bench/bench_same.py --count 50000

The same runs of `lines.py` are ranked by `top --json`, and compared at a full hour by `diff --json`, in
each form. Of what is rolled up, the runs themselves are gone. For each key the greatest difference from the
JSON lines is printed, in percent, over all tasks.
"""

import argparse
import json
import math
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import lines
from bench_elastic import CHUNK, elasticsearch, records
from elasticsearch import Elasticsearch, helpers

sys.path.append(str(Path(__file__).parent.parent / "tests" / "support"))
from documents import actions

STREAM = "logs-slowtask.run-same"
Figures = dict[tuple[str, str], object]  # by task and key


def slowtask(*arguments: str) -> str:
    """What a command prints."""
    command = [sys.executable, "-m", "slowtask", *arguments]
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout


def flatten(row: dict, prefix: str = "") -> Iterator[tuple[str, object]]:
    """The keys of *row* and of the objects in it, with their values."""
    for key, value in row.items():
        if isinstance(value, dict):
            yield from flatten(value, f"{prefix}{key}.")
        elif key != "task":
            yield f"{prefix}{key}", value


def ask(source: str, middle: str) -> Figures:
    """The figures of *source*, of both commands."""
    found: Figures = {}
    for name, arguments in (("top", ()), ("diff", ("--at", middle))):
        for row in json.loads(slowtask(name, source, *arguments, "--json")):
            found |= {(row["task"], f"{name} {key}"): value for key, value in flatten(row)}
    return found


def difference(one: object, other: object) -> float:
    """How far *other* is from *one*, relative; infinite if they can't be compared."""
    if one == other:
        return 0.0
    numbers = isinstance(one, int | float) and isinstance(other, int | float)
    return abs(other - one) / abs(one) if numbers and one else math.inf


def differences(base: Figures, other: Figures) -> dict[str, float]:
    """The greatest difference of each key."""
    found: dict[str, float] = defaultdict(float)
    for place in base.keys() | other.keys():
        found[place[1]] = max(found[place[1]], difference(base.get(place), other.get(place)))
    return found


def store(client: Elasticsearch, log: Path, count: int) -> None:
    """Store the runs of *log*."""
    helpers.bulk(client, actions(records(log, count), STREAM), chunk_size=CHUNK)
    client.indices.refresh(index=STREAM)


def expire(client: Elasticsearch) -> None:
    """Delete the runs, as a retention does: the index, not the stream."""
    client.indices.delete(index=client.indices.rollover(alias=STREAM)["old_index"])


def forms(log: Path, count: int, middle: str) -> Iterator[tuple[str, Figures]]:
    """Each form of the runs in *log*, with its figures."""
    yield "JSON lines", ask(str(log), middle)
    with elasticsearch() as (client, access):
        store(client, log, count)
        address = f"{access.url}/{STREAM}"
        yield "Elasticsearch", ask(address, middle)
        slowtask("rollup", address)
        expire(client)
        yield "rolled up there", ask(address, middle)
    packed, history = log.parent / "packed", log.parent / "history"
    packed.mkdir()
    slowtask("pack", str(log), "--out", str(packed))
    yield "packed", ask(str(packed), middle)
    slowtask("rollup", str(log), "--out", str(history))
    log.unlink()
    shutil.rmtree(packed)
    yield "rolled up", ask(str(history), middle)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=1_000_000, help="runs")
    count = parser.parse_args().count
    half = lines.BEGIN + lines.STEP * (count // 2)
    middle = f"{half - timedelta(minutes=half.minute):%Y-%m-%dT%H:00}"
    with tempfile.TemporaryDirectory(prefix="bench-same-") as folder:
        log = Path(folder) / "runs.ndjson.1"
        lines.generate(log, count)
        (_, base), *others = forms(log, count, middle)
    found = {name: differences(base, figures) for name, figures in others}
    print(f"{count:,} runs of {lines.TASKS} tasks: greatest difference from the JSON lines, in %\n")
    print(f"{'KEY':28}" + "".join(f"{name:>17}" for name in found))
    for key in dict.fromkeys(key for _, key in base):
        print(f"{key:28}" + "".join(f"{each.get(key, math.inf) * 100:17.3f}" for each in found.values()))


if __name__ == "__main__":
    main()
