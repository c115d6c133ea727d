"""A real OpenTelemetry Collector for tests, built once in `.cache` from the components of `main.go`.

    with Collector(folder, {"receivers": {"otlp": {}}, "exporters": …, "service": …}) as collector:
        send(collector.http)  # or collector.grpc

Free ports of loopback are filled in for the receiver `otlp`. Its own log is `collector.log` in the folder.
"""

import hashlib
import json
import os
import shutil
import subprocess
import urllib.error
import urllib.request
from copy import deepcopy
from pathlib import Path

import sharing
from elastic.server import free_port
from places import ROOT
from program import Program

HERE = Path(__file__).parent
CACHE = ROOT / ".cache" / "collector"
SOURCES = ("main.go", "go.mod", "go.sum")
NO_GO = "go isn't installed: the tests build a Collector with Go 1.26 or newer (https://go.dev/dl, or apt)"


class CollectorError(Exception):
    """It can't be built or started; says why."""


class Collector(Program):
    """One process with *configuration*, as its YAML has it, and its files in *folder*."""

    error = CollectorError

    def __init__(self, folder, configuration):
        super().__init__(folder, "collector.log")
        self._ports = {"http": free_port(), "grpc": free_port(), "health": free_port()}
        self._configuration = self._complete(configuration)

    @property
    def http(self):
        """The URL at which it takes OTLP over HTTP, without `/v1/…`."""
        return f"http://127.0.0.1:{self._ports['http']}"

    @property
    def grpc(self):
        """The address at which it takes OTLP over gRPC."""
        return f"127.0.0.1:{self._ports['grpc']}"

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        """Start it, also again after `stop`; returns when it is ready. Raises `CollectorError`."""
        path = self.folder / "collector.json"
        path.write_text(json.dumps(self._configuration))
        self.run([build(), f"--config=file:{path}"], self._is_ready, cwd=self.folder)

    def _is_ready(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._ports['health']}", timeout=5) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def _complete(self, configuration):
        """The configuration with ports of our own, and without the metrics that it serves of itself."""
        whole = deepcopy(configuration)
        otlp = {name: {"endpoint": f"127.0.0.1:{self._ports[name]}"} for name in ("http", "grpc")}
        if "otlp" in whole["receivers"]:
            whole["receivers"]["otlp"] = {"protocols": otlp}
        health = {"endpoint": f"127.0.0.1:{self._ports['health']}"}
        whole.setdefault("extensions", {})["health_check"] = health
        whole["service"].setdefault("extensions", []).append("health_check")
        whole["service"].setdefault("telemetry", {})["metrics"] = {"level": "none"}
        return whole


def build():
    """The path of the program, which is built where there is none yet. Raises `CollectorError`."""
    told = hashlib.sha256(b"".join((HERE / name).read_bytes() for name in SOURCES)).hexdigest()
    program = CACHE / f"collector-{told[:16]}"
    if not program.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with sharing.locked(CACHE / "lock"):
            if not program.exists():
                compile_to(program)
    return program


def compile_to(program):
    """Compile it: two minutes on two cores. Raises `CollectorError`."""
    go = shutil.which("go")
    if not go:
        raise CollectorError(NO_GO)
    new = program.with_suffix(".new")
    command = [go, "build", "-trimpath", "-ldflags=-s -w", "-o", new, "."]
    environment = os.environ | {"CGO_ENABLED": "0"}
    done = subprocess.run(command, cwd=HERE, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CollectorError(f"go build: {done.stderr.strip()[-2000:]}")
    new.rename(program)
