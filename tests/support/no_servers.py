"""`make test-fast` uses no server: a test that starts or reaches one isn't marked `server`, and fails.

Seen is what the tests' own process does, and which programs its children start by their name.
"""

import os
import sys
import tempfile
from pathlib import Path

import pytest

PROGRAMS = {"redis-server", "valkey-server", "rabbitmq-server", "java", "prometheus"}
STUB = """#!/bin/sh
echo "$0: a test that isn't marked `server` starts a server" >&2
exit 97
"""


def guard():
    """From now on no server can be used. Returns a folder for the caller to remove."""
    folder = Path(tempfile.mkdtemp(prefix="slowtask-no-servers-"))
    for name in PROGRAMS:
        (folder / name).write_text(STUB)
        (folder / name).chmod(0o755)
    os.environ["PATH"] = os.pathsep.join([str(folder), os.environ["PATH"]])
    sys.addaudithook(refuse)
    return folder


def refuse(event, arguments):
    """Fail the test that starts a server, or opens a connection to another process's."""
    if event == "subprocess.Popen" and PROGRAMS.intersection(names(arguments)):
        pytest.fail(f"a test that isn't marked `server` starts {arguments[1]}")
    if event == "socket.connect" and taken(arguments[1]):
        pytest.fail(f"a test that isn't marked `server` connects to {arguments[1]}")


def names(arguments):
    program, command, *_ = arguments
    return {Path(os.fsdecode(each)).name for each in (program, command[0]) if each}


def taken(address):
    """Whether a process other than this one listens at *address* of TCP."""
    if not isinstance(address, tuple):
        return False
    port = f"{address[1]:04X}"
    rows = [
        line.split()
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        if Path(table).exists()
        for line in Path(table).read_text().splitlines()[1:]
    ]
    inodes = {row[9] for row in rows if row[3] == "0A" and row[1].endswith(f":{port}")}
    return bool(inodes - own_sockets())


def own_sockets():
    """The inodes of this process's sockets."""
    found = set()
    for each in Path("/proc/self/fd").iterdir():
        try:
            target = str(each.readlink())
        except OSError:
            continue
        if target.startswith("socket:["):
            found.add(target[8:-1])
    return found
