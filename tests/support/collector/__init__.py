"""A real OpenTelemetry Collector for tests, built once in `.cache` from the components of `main.go`.

    with Collector(folder, {"receivers": {"otlp": {}}, "exporters": …, "service": …}) as collector:
        send(collector.http)  # or collector.grpc

Free ports of loopback are filled in for the receiver `otlp`. Its own log is `collector.log` in the folder.
"""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from copy import deepcopy
from pathlib import Path

import sharing
from elastic.server import free_port
from places import ROOT

HERE = Path(__file__).parent
CACHE = ROOT / ".cache" / "collector"
SOURCES = ("main.go", "go.mod", "go.sum")
PATIENCE = 60.0  # seconds until it is ready, or has ended
NO_GO = "go isn't installed: the tests build a Collector with Go 1.26 or newer (https://go.dev/dl, or apt)"


class CollectorError(Exception):
    """It can't be built or started; says why."""


class Collector:
    """One process with *configuration*, as its YAML has it, and its files in *folder*."""

    def __init__(self, folder, configuration):
        self.folder = folder
        self._ports = {"http": free_port(), "grpc": free_port(), "health": free_port()}
        self._configuration = self._complete(configuration)
        self._process = None

    @property
    def http(self):
        """The URL at which it takes OTLP over HTTP, without `/v1/…`."""
        return f"http://127.0.0.1:{self._ports['http']}"

    @property
    def grpc(self):
        """The address at which it takes OTLP over gRPC."""
        return f"127.0.0.1:{self._ports['grpc']}"

    @property
    def log(self):
        """What it has logged so far."""
        return (self.folder / "collector.log").read_text(errors="replace")

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        """Start it, also again after `stop`; returns when it is ready. Raises `CollectorError`."""
        path = self.folder / "collector.json"
        path.write_text(json.dumps(self._configuration))
        with (self.folder / "collector.log").open("ab") as log:
            command = [build(), f"--config=file:{path}"]
            self._process = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log)
        end = time.monotonic() + PATIENCE
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() > end:
                self.stop(signal.SIGKILL)
                raise CollectorError(f"the Collector didn't start: {self.log[-2000:]}")
            time.sleep(0.05)

    def stop(self, by=signal.SIGTERM):
        """End it by a signal, and wait for its end."""
        if self._process and self._process.poll() is None:
            self._process.send_signal(by)
            self._process.wait(PATIENCE)
        self._process = None

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
