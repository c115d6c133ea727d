"""How quick is `slowtask report`, how small is its file? Beside `slowtask top` on the same log.

    .venv/bin/python bench/bench_report.py                 # 10 million lines, 5 GB, removed after
    .venv/bin/python bench/bench_report.py --count 1000000 --folder /somewhere/else

Whole processes; the best of --rounds counts.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

import lines
from bench_top import SLOWTASK, best, timed


def measure(folder: Path, count: int, rounds: int) -> None:
    """Generate, measure, print."""
    log, out = folder / "runs.ndjson", folder / "report.html"
    timed(sys.executable, lines.__file__, str(log), str(count))
    found = best(
        {
            "slowtask report": (*SLOWTASK, "report", str(log), "--out", str(out)),
            "slowtask top": (*SLOWTASK, "top", str(log)),
        },
        rounds,
    )
    print(f"{count:,} lines, {log.stat().st_size / 1e9:.2f} GB, {os.cpu_count()} cores, best of {rounds}\n")
    for name, (seconds, mebibytes) in found.items():
        print(f"{name:16} {seconds:8.2f} s {mebibytes:8.0f} MiB")
    print(f"\nsize of the file: {out.stat().st_size / 1e6:.2f} MB")


def main() -> None:
    """Read the arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--folder", type=Path, help="where the lines go, in a folder of their own")
    parser.add_argument("--count", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder, prefix="bench-report-") as folder:
        measure(Path(folder), arguments.count, arguments.rounds)


if __name__ == "__main__":
    main()
