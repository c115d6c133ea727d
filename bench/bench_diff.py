"""How quick is `slowtask diff`? Measured against `slowtask top` over the same runs.

    .venv/bin/python bench/bench_diff.py                     # twice 5 million lines, 5 GB, removed after
    .venv/bin/python bench/bench_diff.py --count 1000000

As lines and packed: two logs compared with each other, and both cut at a moment. All are whole processes, run
in turn. The least CPU time of --rounds counts, since other programs disturb it less than the time on a clock.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

import lines

SLOWTASK = (sys.executable, "-m", "slowtask")


def cpu(*command: str) -> float:
    """The CPU seconds of *command*."""
    pid = os.posix_spawn(
        command[0], command, os.environ, file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    )
    _, status, usage = os.wait4(pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} ended with {os.waitstatus_to_exitcode(status)}.")
    return usage.ru_utime + usage.ru_stime


def halves(log: Path) -> tuple[Path, Path]:
    """The first and the second half of *log*, as two files beside it."""
    parts = log.with_name("before.ndjson"), log.with_name("after.ndjson")
    size = log.stat().st_size
    with log.open("rb") as source:
        source.seek(size // 2)
        source.readline()
        middle = source.tell()
        for part, (begin, end) in zip(parts, ((0, middle), (middle, size)), strict=True):
            source.seek(begin)
            with part.open("wb") as target:
                while (room := end - source.tell()) > 0:
                    target.write(source.read(min(room, 1 << 24)))
    return parts


def packed(log: Path) -> Path:
    """*log* as Parquet."""
    folder = log.parent / "packed"
    folder.mkdir(exist_ok=True)
    subprocess.run([*SLOWTASK, "pack", str(log), "--out", str(folder)], check=True, stdout=subprocess.DEVNULL)
    return folder / f"{log.name}.parquet"


def compare(title: str, logs: tuple[Path, Path], at: str, rounds: int) -> None:
    """Print the CPU of `top` over both *logs*, and how many times as much the two ways of `diff` take."""
    names = map(str, logs)
    commands = {
        "top": (*SLOWTASK, "top", *names),
        "diff of two logs": (*SLOWTASK, "diff", *map(str, logs)),
        "diff --at": (*SLOWTASK, "diff", *map(str, logs), "--at", at),
    }
    least = dict.fromkeys(commands, float("inf"))
    for _ in range(rounds):
        for name, command in commands.items():
            least[name] = min(least[name], cpu(*command))
    for name, seconds in least.items():
        print(
            f"{title:8} {name:18} {seconds:6.2f} s of CPU  {seconds / least['top']:.2f} of top's", flush=True
        )


def main() -> None:
    """Make the logs and compare."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--count", type=int, default=10_000_000, help="lines in both logs together")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--folder", type=Path, help="where to put the logs (default: a temporary folder)")
    given = options.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        log = Path(name) / "all.ndjson"
        lines.generate(log, given.count)
        before, after = halves(log)
        log.unlink()
        at = (lines.BEGIN + timedelta(milliseconds=25.1 * given.count / 2)).isoformat()
        compare("lines", (before, after), at, given.rounds)
        compare("packed", (packed(before), packed(after)), at, given.rounds)


if __name__ == "__main__":
    main()
