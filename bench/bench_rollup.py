"""How large is a history, and how fast, and how exact? A year of runs.

    .venv/bin/python bench/bench_rollup.py                     # 30 million runs, 300 MB of disk at a time
    .venv/bin/python bench/bench_rollup.py --runs 5000000 --folder /somewhere/else

50 tasks in 10 queues, of which some run a hundred times as often as others, 24 releases, 20 workers. DuckDB
makes the runs of one month at a time, as a packed log, and `slowtask rollup --remove` takes it. A line counts
as those of `lines.py`. The last day is a log of JSON lines: what a night's rollup costs.

Percentiles are compared with the exact ones of the last month, over all of its tasks. The second table is for
tasks that run once an hour: a cell then holds one run.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import duckdb
import lines
from bench_top import SLOWTASK, best, timed

from slowtask.record.event import types
from slowtask.store.shapes import FIELD_TYPES

TASKS, QUEUES, WORKERS, RELEASES = 50, 10, 20, 24
MONTHS = [datetime(2025 + (10 + n) // 12, (10 + n) % 12 + 1, 1, tzinfo=UTC) for n in range(13)]
#: What a run has here, by its column; all else is unknown. `k` numbers its task, `u`, `v` and `w` are random.
VALUES = {
    "@timestamp": "make_timestamptz(moment)",
    "event.id": "uuid()",
    "event.dataset": "'slowtask.run'",
    "event.duration": "(1e9 * exp(-3 + k * 7 % 40 / 10 + sqrt(-2 * ln(u)) * cos(6.2831853 * v)))::BIGINT",
    "event.outcome": "CASE WHEN w < k % 7 / 100 THEN 'failure' ELSE 'success' END",
    "error.type": "CASE WHEN w < k % 7 / 100 THEN 'TimeoutError' END",
    "task.name": "'shop.jobs.task_' || k",
    "task.wait": "(20e9 * -ln(u))::BIGINT",
    "task.cpu": "(1e8 * u)::BIGINT",
    "task.memory": "50000000 + (k * 1000000 + u * 4096)::BIGINT",
    "queue.name": f"'queue-' || k % {QUEUES}",
    "worker.name": f"'worker-' || (w * {WORKERS})::INTEGER",
    "service.version": "'1.' || release",
}
RUNS = """
COPY (
    SELECT {values} FROM (SELECT *, (moment // {release_length}) % 100 AS release FROM (
        SELECT
            {begin} + ((i + random()) * {step})::BIGINT AS moment,
            random() AS u, random() AS v, random() AS w,
            floor(exp(ln(3) + random() * ln({tasks} / 3 + 1)) - 3)::INTEGER AS k
        FROM range({count}) AS rows(i)
    )) ORDER BY moment
) TO '{path}' (FORMAT {format})
"""


def write_runs(path: Path, begin: datetime, end: datetime, count: int, *, packed: bool = True) -> None:
    """Write *count* runs from *begin* to *end*, as `slowtask pack` or a worker would."""
    length = (end - begin) // timedelta(microseconds=1)
    values = (
        VALUES
        if packed
        else VALUES | {"@timestamp": f"strftime({VALUES['@timestamp']}, '%Y-%m-%dT%H:%M:%S.%fZ')"}
    )
    kept = [name for name in types() if packed or name in VALUES]
    columns = ", ".join(
        f'{values[name]} AS "{name}"' if name in values else f'NULL::{FIELD_TYPES[name]} AS "{name}"'
        for name in kept
    )
    with duckdb.connect(config={"memory_limit": "2GB", "temp_directory": str(path.parent / "spill")}) as db:
        db.execute("SET TimeZone = 'UTC'")
        db.execute(
            RUNS.format(
                values=columns, begin=round(begin.timestamp() * 1e6), step=length / count, tasks=TASKS,
                count=count, release_length=365 * 86_400_000_000 // RELEASES, path=path,
                format="parquet, PARQUET_VERSION v2, COMPRESSION zstd" if packed else "json",
            )
        )  # fmt: skip


def make_year(folder: Path, history: Path, runs: int) -> dict[str, float]:
    """Roll up a year month by month; return the figures that come up meanwhile."""
    found = {"rollup": 0.0}
    for begin, end in pairwise(MONTHS):
        last = end == MONTHS[-1]
        until = end - timedelta(days=last)
        log = folder / f"{begin:%Y-%m}.parquet"
        write_runs(log, begin, until, round(runs * (until - begin) / (MONTHS[-1] - MONTHS[0])))
        if last:
            found["exact"] = rank(log)
        found["rollup"] += timed(*SLOWTASK, "rollup", str(log), "--out", str(history), "--remove")[0]
    found["rolled"] = rank(history, "--since", f"{MONTHS[-2]:%Y-%m-%d}")
    day = folder / "worker.ndjson.1"
    write_runs(day, MONTHS[-1] - timedelta(days=1), MONTHS[-1], round(runs / 365), packed=False)
    found["day"], found["day_memory"] = timed(*SLOWTASK, "rollup", str(day), "--out", str(history))
    day.unlink()
    return found


def rank(path: Path, *options: str) -> dict[str, dict[str, float]]:
    """What `slowtask top --json` says of each task."""
    command = [*SLOWTASK, "top", str(path), "--json", *options]
    rows = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return {row["task"]: row for row in rows}


def greatest_errors(exact: dict, rolled: dict) -> dict[str, float]:
    """How far the figures of a history are from the exact ones at most, as a share."""
    keys = ("count", "total", "mean", "max", "p50", "p95", "p99", "wait_p95", "deviation")
    return {
        key: max(abs(rolled[task][key] / row[key] - 1) for task, row in exact.items() if row[key])
        for key in keys
    }


def line_size(folder: Path) -> float:
    """Bytes of a line as workers write it."""
    path = folder / "lines.ndjson"
    lines.generate(path, 20_000)
    return path.stat().st_size / 20_000


def size_of(history: Path) -> int:
    """Bytes of a history."""
    return sum(each.stat().st_size for each in history.iterdir())


def measure(folder: Path, runs: int, rounds: int) -> None:
    """Make a year, rank it, print."""
    history = folder / "history"
    found = make_year(folder, history, runs)
    commands = {
        "top, a year": (*SLOWTASK, "top", str(history)),
        "top, but for 40 hours": (*SLOWTASK, "top", str(history), "--since", f"{MONTHS[0]:%Y-%m}-02T16:00"),
        "top, a task's queue": (*SLOWTASK, "top", str(history), "--queue", "queue-3"),
        "report, a year": (*SLOWTASK, "report", str(history), "--out", str(folder / "report.html")),
        "task, a year": (*SLOWTASK, "task", "task_3", str(history)),
        "diff, half a year": (*SLOWTASK, "diff", str(history), "--at", f"{MONTHS[6]:%Y-%m-%d}"),
        "slowtask --help": (*SLOWTASK, "--help"),
    }
    took = best(commands, rounds)
    line = line_size(folder)
    print(f"{runs:,} runs of {TASKS} tasks, {line * runs / 1e9:.1f} GB of lines, {os.cpu_count()} cores\n")
    for name, (seconds, mebibytes) in took.items():
        print(f"{name:24} {seconds:8.2f} s {mebibytes:8.0f} MiB")
    print(f"{'rollup of a day':24} {found['day']:8.2f} s {found['day_memory']:8.0f} MiB")
    print(f"{'rollup of a year, packed':24} {found['rollup']:8.0f} s")
    print(f"\nsize: {size_of(history) / 1e6:.0f} MB, {size_of(history) / (line * runs):.2%} of the lines")
    for key, error in greatest_errors(found["exact"], found["rolled"]).items():
        print(f"greatest error of {key:10} {error:.3%}")


def measure_rare(folder: Path) -> None:
    """Roll up a month of tasks that run once an hour."""
    log, history = folder / "rare.parquet", folder / "rare"
    count = TASKS * 24 * (MONTHS[1] - MONTHS[0]).days
    write_runs(log, MONTHS[0], MONTHS[1], count)
    timed(*SLOWTASK, "rollup", str(log), "--out", str(history))
    share = size_of(history) / (count * line_size(folder))
    print(
        f"\none run of a task an hour: {size_of(history) / count:.0f} bytes a run, {share:.1%} of the lines"
    )


def main() -> None:
    """Read the arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--folder", type=Path, help="where the logs go, in a folder of their own")
    parser.add_argument("--runs", type=int, default=30_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)
    with tempfile.TemporaryDirectory(dir=arguments.folder, prefix="bench-rollup-") as folder:
        measure(Path(folder), arguments.runs, arguments.rounds)
        measure_rare(Path(folder))


if __name__ == "__main__":
    main()
