"""How quick is `slowtask task`? The most frequent of 200 tasks, beside `slowtask top` on the same log.

    .venv/bin/python bench/bench_task.py                 # 10 million lines, 5 GB, removed after
    .venv/bin/python bench/bench_task.py --packed runs.parquet
    .venv/bin/python bench/bench_task.py --count 1000000 --folder /somewhere/else

Whole processes; the best of --rounds counts. Without --packed, lines are made and packed first.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import lines
from bench_top import SLOWTASK, best, timed

TASK = "shop.jobs.send_mail"


def make(folder: Path, count: int) -> list[Path]:
    """Make a log of *count* lines in *folder*, and pack it; return both files."""
    log = folder / "runs.ndjson"
    timed(sys.executable, lines.__file__, str(log), str(count))
    timed(*SLOWTASK, "pack", str(log), "--out", str(folder / "packed"), "--live")
    return [folder / "packed" / "runs.ndjson.parquet", log]


def measure(logs: list[Path], rounds: int) -> None:
    """Measure, print."""
    commands = {
        f"slowtask {name}, {log.suffix[1:]}": (*SLOWTASK, *command, str(log))
        for log in logs
        for name, command in (("task", ("task", TASK)), ("top", ("top",)))
    }
    print(f"{os.cpu_count()} cores, best of {rounds}\n")
    for name, (seconds, mebibytes) in best(commands, rounds).items():
        print(f"{name:24} {seconds:8.2f} s {mebibytes:8.0f} MiB")


def run(description: str, measure: Callable[[list[Path], int], None], rounds: int) -> None:
    """Read the arguments, and *measure* the log that they name, or lines that are made, packed first."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--folder", type=Path, help="where the lines go, in a folder of their own")
    parser.add_argument("--packed", type=Path, help="a packed log that is there already")
    parser.add_argument("--count", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=rounds)
    arguments = parser.parse_args()
    if arguments.packed:
        measure([arguments.packed], arguments.rounds)
        return
    with tempfile.TemporaryDirectory(dir=arguments.folder, prefix="bench-packed-") as folder:
        (Path(folder) / "packed").mkdir()
        measure(make(Path(folder), arguments.count), arguments.rounds)


if __name__ == "__main__":
    run(__doc__, measure, rounds=3)
