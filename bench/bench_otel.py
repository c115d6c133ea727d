"""How quick is `slowtask otel`? CPU time for each run, and memory, against a receiver that throws all away.

    .venv/bin/python bench/bench_otel.py --count 100000

Whole processes, `slowtask otel --once`, with one signal and with both; the same with an empty log is taken
off. The best of --rounds counts. "Down" is the peak memory while nothing is accepted for some seconds.
"""

import argparse
import os
import signal
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import Process
from pathlib import Path

import lines

NOT_SENT = {"OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"}
SIGNALS = {
    "nothing, only read": NOT_SENT,
    "metrics": {"OTEL_LOGS_EXPORTER": "none"},
    "logs": {"OTEL_METRICS_EXPORTER": "none"},
    "both": {},
}


class Sink(BaseHTTPRequestHandler):
    """Accepts everything."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        """Read it."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        """Say nothing."""


def serve() -> tuple[ThreadingHTTPServer, int]:
    """A receiver in a process of its own, so that its CPU time isn't counted; and its process id."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Sink)
    server.daemon_threads = True
    if pid := os.fork():
        return server, pid
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    server.serve_forever()
    os._exit(0)


def send(log: Path, address: str, seconds: float = 0, **environment: str) -> tuple[float, float]:
    """CPU seconds and peak memory (MiB) of `slowtask otel`; ended after *seconds*, if they are given."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "slowtask", "otel", str(log), "--position", f"{folder}/position"]
        settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": address, "OTEL_EXPORTER_OTLP_TIMEOUT": "1"} | environment
        quiet = (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0)
        command += [] if seconds else ["--once"]
        pid = os.posix_spawn(command[0], command, os.environ | settings, file_actions=[quiet])
        if seconds:
            threading.Timer(seconds, os.kill, (pid, signal.SIGTERM)).start()
        _, status, usage = os.wait4(pid, 0)
    if status and not seconds:
        sys.exit(f"slowtask otel ended with {status}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    server, pid = serve()
    address = f"http://127.0.0.1:{server.server_port}"
    with tempfile.TemporaryDirectory() as folder:
        log, empty = Path(folder) / "runs.ndjson", Path(folder) / "empty.ndjson"
        making = Process(target=lines.generate, args=(log, options.count))  # so that this one stays small:
        making.start()  # the peak memory of a process begins with that of its parent
        making.join()
        empty.touch()
        for name, environment in SIGNALS.items():
            start = min(send(empty, address, **environment)[0] for _ in range(options.rounds))
            found = [send(log, address, **environment) for _ in range(options.rounds)]
            each = (min(cpu for cpu, _ in found) - start) / options.count * 1e6
            print(
                f"{name}: {each:.0f} µs of CPU a run, {1e6 / each:,.0f} a second, {found[0][1]:.0f} MiB;"
                f" start and end {start:.2f} s"
            )
        began = time.monotonic()
        _, memory = send(log, "http://127.0.0.1:9", seconds=5)
        print(f"down for {time.monotonic() - began:.0f} s: {memory:.0f} MiB")
    os.kill(pid, signal.SIGTERM)


if __name__ == "__main__":
    main()
