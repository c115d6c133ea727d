"""What slowtask adds to the environment of a worker: its size, and the time that its import takes.

Both wheels are built and installed beside RQ and beside Celery, with compiled files as pip leaves them. Sizes
are those of `site-packages`: what a layer of an image, `python:slim` or another one, grows by.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[1]
MB = 1_000_000
#: What is imported without slowtask too: by a worker of RQ, and where a Celery app is made.
BASES = {"rq": "import rq.worker", "celery": "from celery import Celery; Celery('shop')"}


def build_wheels(folder: Path) -> None:
    """Build both wheels, as `make wheel` does."""
    for source in (ROOT, ROOT / "slowtask-cli"):
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder]
        subprocess.run(
            command, cwd=source, env=os.environ | {"SLOWTASK_RELEASE": "1"}, check=True, capture_output=True
        )


def install(folder: Path, dist: Path, *requirements: str) -> Path:
    """Install *requirements* in a new environment; return its Python."""
    uv = Path(sys.executable).parent / "uv"
    python = folder / "bin" / "python"
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder], check=True)
    options = ["--quiet", "--compile-bytecode", "--find-links", dist, "--python", python]
    subprocess.run([uv, "pip", "install", *options, *requirements], check=True)
    return python


def measure(python: Path) -> tuple[int, int, int]:
    """Return the apparent bytes, those on disk, and the number of packages of an environment."""
    [site] = python.parents[1].glob("lib/python3*/site-packages")
    status = [path.lstat() for path in site.rglob("*")]
    files = sum(each.st_size for each in status if not path_is_folder(each.st_mode))
    return files, sum(each.st_blocks * 512 for each in status), len([*site.glob("*.dist-info")])


def path_is_folder(mode: int) -> bool:
    """Tell whether *mode* is a folder's."""
    return mode & 0o170000 == 0o040000


def time_process(python: Path, code: str) -> float:
    """Return the seconds that a process takes in which Python runs *code*."""
    start = time.perf_counter()
    subprocess.run([python, "-c", code], check=True)
    return time.perf_counter() - start


def time_import(python: Path, base: str, module: str, rounds: int) -> str:
    """Say how long importing *base* takes, and what *module* adds: processes in turn."""
    without, with_ours = [], []
    for _ in range(rounds):
        without.append(time_process(python, base))
        with_ours.append(time_process(python, f"{base}; import {module}"))
    added = median(a - b for a, b in zip(with_ours, without, strict=True))
    fastest = min(with_ours) - min(without)
    return (
        f"{base}: {median(without) * 1e3:.0f} ms; {module} adds {added * 1e3:.1f} ms in the median, "
        f"{fastest * 1e3:.1f} ms in the fastest processes"
    )


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=41, help="processes of each side")
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        build_wheels(folder / "dist")
        print(f"{'environment':24} {'files':>10} {'on disk':>10} {'packages':>9}")
        pythons, sizes = {}, {}
        for wanted in ("rq", "rq slowtask", "celery", "celery slowtask", "rq slowtask-cli"):
            pythons[wanted] = install(folder / wanted.replace(" ", "-"), folder / "dist", *wanted.split())
            sizes[wanted] = size, disk, packages = measure(pythons[wanted])
            base = sizes.get(wanted.partition(" ")[0], sizes[wanted])
            print(f"{wanted:24} {size / MB:7.2f} MB {disk / MB:7.2f} MB {packages:9}", end="")
            if base is not sizes[wanted]:
                added = [f"{(a - b) / MB:.2f} MB" for a, b in zip(sizes[wanted][:2], base[:2], strict=True)]
                print(f"   adds {added[0]}, {added[1]} on disk, {packages - base[2]} packages", end="")
            print()
        print()
        for system, base in BASES.items():
            python = pythons[f"{system} slowtask"]
            print(time_import(python, base, f"slowtask.{system}", rounds))


if __name__ == "__main__":
    main()
