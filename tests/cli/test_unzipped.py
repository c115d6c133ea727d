"""A small file that is endless when it is unzipped costs neither memory nor the other logs."""

import gzip
import subprocess
import sys

import pytest

from logs import line, made

pytestmark = pytest.mark.slow

MANY = 400  #: MiB, unzipped
MOST = 300 * 2**20  #: bytes of memory; the libraries alone take more than a third of it
#: Runs the command line, and says at the end how much memory it took at most. What the kernel counts for a
#: process by `getrusage` begins with the memory of the one that started it.
SCRIPT = """
import re, sys
from pathlib import Path
from slowtask.cli import slowtask
try:
    slowtask.main(standalone_mode=False)
finally:
    peak = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]
    print(int(peak) * 1024, file=sys.stderr)
"""


def zip_often(path, block, times):
    """A gzip file at *path* that holds a MiB of *block* so many *times*."""
    with gzip.open(path, "wb", compresslevel=1) as file:
        for _ in range(times):
            file.write(block * (2**20 // len(block)))


@pytest.mark.parametrize(
    ("block", "times"),
    [
        pytest.param(b"x", MANY, id="one line"),
        pytest.param(b"[", MANY, id="one deep line"),
        pytest.param(b'{"a":1}\n', 4, id="short lines"),
    ],
)
def test_a_gzip_bomb_is_read_in_bounded_memory(tmp_path, block, times):
    zip_often(tmp_path / "bomb.log.gz", block, times)
    (tmp_path / "worker.log").write_bytes(line(made("shop.mail.send")))
    command = [sys.executable, "-c", SCRIPT, "top", str(tmp_path), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert '"task": "shop.mail.send"' in done.stdout
    assert int(done.stderr.split()[-1]) < MOST
