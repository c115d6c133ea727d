"""How quick is `slowtask top`? Measured against the best SQL we can write by hand, and on packed logs.

    .venv/bin/python bench/bench_top.py                    # 10 million lines, 5 GB, removed after
    .venv/bin/python bench/bench_top.py --count 1000000 --folder /somewhere/else

Then two million events flat, nested, and as Elasticsearch returns them.

All are whole processes, run in turn; the best of --rounds counts. The SQL by hand gives the ranking alone:
no check of any line, no other kinds of line, no span of time, no bound on memory. "With checks" is the same
SQL asked to leave out what is no run, and for the span, as `top` does.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import lines
import msgspec

SHAPED = 2_000_000  #: events of each shape
SLOWTASK = (sys.executable, "-m", "slowtask")
SQL = """
import sys, duckdb
print(duckdb.sql('''
    SELECT "task.name", count(*), sum("event.duration") AS total, avg("event.duration"),
        max("event.duration"),
        {quantile}("event.duration", [0.5, 0.95, 0.99]), {quantile}("task.wait", 0.95),
        count(*) FILTER ("event.outcome" = 'failure') {more}
    FROM read_json('{path}', format = 'newline_delimited', columns = {{
        {columns} 'task.name': 'VARCHAR', 'event.duration': 'BIGINT', 'event.outcome': 'VARCHAR',
        'task.wait': 'BIGINT'
    }}, ignore_errors = true)
    {where}
    GROUP BY ALL ORDER BY total DESC LIMIT 20
'''))
"""
CHECKS = {
    "more": """, min("@timestamp")::VARCHAR, max("@timestamp")::VARCHAR""",
    "columns": "'@timestamp': 'TIMESTAMPTZ', 'event.dataset': 'VARCHAR', 'event.margin': 'BIGINT',",
    "where": """WHERE "event.dataset" = 'slowtask.run' AND "@timestamp" IS NOT NULL""",
}


def by_hand(path: Path, quantile: str, **checks: str) -> tuple[str, ...]:
    """The command that runs the SQL."""
    blank = dict.fromkeys(CHECKS, "")
    return sys.executable, "-c", SQL.format(path=path, quantile=quantile, **(blank | checks))


def timed(*command: str) -> tuple[float, float]:
    """Seconds and peak memory (MiB) of *command*, run to its end."""
    start = time.perf_counter()
    pid = os.posix_spawn(
        command[0], command, os.environ, file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    )
    _, status, usage = os.wait4(pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)[:200]} failed")
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def best(commands: dict[str, tuple[str, ...]], rounds: int) -> dict[str, tuple[float, float]]:
    """The least time and the highest memory of each of *commands*, run in turn *rounds* times."""
    runs = [{name: timed(*command) for name, command in commands.items()} for _ in range(rounds)]
    return {name: (min(run[name][0] for run in runs), max(run[name][1] for run in runs)) for name in commands}


def measure(folder: Path, count: int, rounds: int) -> None:
    """Generate, measure, print."""
    log, ten = folder / "runs.ndjson.1", folder / "ten.ndjson"
    for path, number in ((log, count), (ten, 10)):
        generator = (sys.executable, lines.__file__, str(path), str(number))
        timed(*generator)  # a process of its own: our size would be counted in the others' peak
    took, memory = timed(*SLOWTASK, "pack", str(log))
    packed = log.with_name(f"{log.name}.parquet")
    found = best(
        {
            "SQL, quantile_cont": by_hand(log, "quantile_cont"),
            "slowtask top": (*SLOWTASK, "top", str(log)),
            "SQL, approx_quantile": by_hand(log, "approx_quantile"),
            "with checks, SQL": by_hand(log, "quantile_cont", **CHECKS),
            "slowtask top, Parquet": (*SLOWTASK, "top", str(packed)),
            "slowtask top, ten lines": (*SLOWTASK, "top", str(ten)),
            "slowtask --help": (*SLOWTASK, "--help"),
        },
        rounds,
    ) | {"slowtask pack": (took, memory)}
    print(f"{count:,} lines, {log.stat().st_size / 1e9:.2f} GB, {os.cpu_count()} cores, best of {rounds}\n")
    for name, (seconds, mebibytes) in found.items():
        print(f"{name:24} {seconds:8.2f} s {mebibytes:8.0f} MiB")
    bare = min(found[name][0] for name in found if name.startswith("SQL"))
    top = found["slowtask top"][0]
    print(f"\nspeed of top against the best SQL: {bare / top:.2f}")
    print(f"against the SQL with checks: {found['with checks, SQL'][0] / top:.2f}")
    print(f"packed size: 1/{log.stat().st_size / packed.stat().st_size:.1f}")


def nest(record: dict[str, object]) -> dict[str, object]:
    """The flat *record* with an object for each part of its names, as Elasticsearch returns it."""
    found: dict[str, object] = {}
    for name, value in record.items():
        *parts, last = name.split(".")
        inner = found
        for part in parts:
            inner = inner.setdefault(part, {})
        inner[last] = value
    return found


def measure_shapes(folder: Path, count: int, rounds: int) -> None:
    """Compare events that are nested, or in search hits, with flat ones."""
    logs = {shape: folder / f"{shape}.ndjson" for shape in ("flat", "nested", "hits")}
    timed(sys.executable, lines.__file__, str(logs["flat"]), str(count))
    encode = msgspec.json.Encoder().encode
    with (
        logs["flat"].open("rb") as flat,
        logs["nested"].open("wb") as nested,
        logs["hits"].open("wb") as hits,
    ):
        for line in flat:
            event = nest(msgspec.json.decode(line))
            nested.write(encode(event) + b"\n")
            hits.write(encode({"_index": "logs-slowtask.run-default", "_id": "0", "_source": event}) + b"\n")
    found = best({shape: (*SLOWTASK, "top", str(log)) for shape, log in logs.items()}, rounds)
    print(f"\n{count:,} events of each shape, best of {rounds}\n")
    for shape, (seconds, mebibytes) in found.items():
        speed = found["flat"][0] / seconds
        print(f"{shape:24} {seconds:8.2f} s {mebibytes:8.0f} MiB {speed:8.2f} of the speed of flat ones")


def main() -> None:
    """Read the arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--folder", type=Path, help="where the lines go, in a folder of their own")
    parser.add_argument("--count", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder, prefix="bench-top-") as folder:
        measure(Path(folder), arguments.count, arguments.rounds)
        measure_shapes(Path(folder), min(arguments.count, SHAPED), arguments.rounds)


if __name__ == "__main__":
    main()
