"""How quick is `slowtask serve`, and how much memory does it hold? On 10 million packed runs.

    .venv/bin/python bench/bench_serve.py                  # 10 million lines, 5 GB, removed after
    .venv/bin/python bench/bench_serve.py --packed runs.parquet
    .venv/bin/python bench/bench_serve.py --count 1000000 --folder /somewhere/else

The real command over real HTTP. Cold: from the first request of a page until its figures are there, while
nothing else is read; of the first page, from the start of the command; and the CPU seconds that all processes
used for it, charts included. Warm: the median of --rounds requests, and the CPU time of one.
Memory: resident (RSS) and, where pages are shared, proportional (PSS), of the server and of the process that
reads.
"""

import http.client
import os
import re
import signal
import statistics
import subprocess
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import bench_task
from bench_top import SLOWTASK

PAGES = {
    "/": "the ranking",
    "/task/sync.jobs.export_mail": "a task, read ahead",
    "/task/billing.jobs.send_invoice": "another task",
    "/?group-by=queue": "queues",
    "/?since=2026-11-07&until=2026-11-08": "one day",
    "/diff?at=2026-11-07T09:00": "what changed",
    "/queues": "the queues",
}
PATIENCE = 300  #: seconds
QUIET = 0.05  #: CPU seconds in a second
STEP = 0.02  #: seconds between two requests for a page that isn't read yet


class Served:
    """The command, and the most memory that its processes needed."""

    def __init__(self, log: Path) -> None:
        self.start = time.perf_counter()
        command = [*SLOWTASK, "serve", str(log), "--listen", "127.0.0.1:0"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        said = self._process.stdout.readline() if self._process.stdout else ""
        found = re.search(r":(\d+)/", said)
        if not found:
            raise SystemExit(f"slowtask serve didn't start: {said}")
        self.port = int(found[1])
        self.pid = self._process.pid

    def ask(self, path: str) -> tuple[int, int, float]:
        """Status, bytes and seconds of one request."""
        start = time.perf_counter()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        connection.request("GET", path)
        answer = connection.getresponse()
        size = len(answer.read())
        connection.close()
        return answer.status, size, time.perf_counter() - start

    def wait(self, path: str) -> float:
        """Seconds until *path* has its figures."""
        start = time.perf_counter()
        while self.ask(path)[0] != 200:
            if time.perf_counter() - start > PATIENCE:
                raise SystemExit(f"{path} isn't read within {PATIENCE} s")
            time.sleep(STEP)
        return time.perf_counter() - start

    def settle(self, path: str) -> None:
        """Wait until *path* isn't renewed any more: its charts are drawn."""
        wait_for(lambda: b"being renewed" not in self.load(path))

    def rests(self) -> bool:
        """Whether no process used the CPU for a while: the pages ahead are read."""
        before = self.cpu()
        time.sleep(1)
        return self.cpu() - before < QUIET

    def load(self, path: str) -> bytes:
        """The page at *path*."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=PATIENCE) as answer:
            return answer.read()

    def children(self) -> list[int]:
        """The processes that it started and that still run."""
        command = ["ps", "-o", "pid=", "--ppid", str(self.pid)]
        lines = subprocess.run(command, capture_output=True, text=True, check=False)
        return [int(each) for each in lines.stdout.split()]

    def cpu(self) -> float:
        """CPU seconds of all its processes so far."""
        return sum(map(cpu_seconds, [self.pid, *self.children()]))

    def end(self) -> float:
        """End it by a signal; returns the seconds that this took."""
        start = time.perf_counter()
        self._process.send_signal(signal.SIGTERM)
        self._process.wait()
        return time.perf_counter() - start


def memory(pid: int, name: str) -> float:
    """*name* of a process in MB: VmRSS, VmHWM or Pss."""
    file = "smaps_rollup" if name == "Pss" else "status"
    found = re.search(rf"^{name}:\s+(\d+)", Path(f"/proc/{pid}/{file}").read_text(), re.MULTILINE)
    return int(found[1]) * 1024 / 1e6 if found else 0.0


def cpu_seconds(pid: int) -> float:
    """CPU seconds of one process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wait_for(what: Callable[[], bool]) -> None:
    """Wait until *what* holds."""
    end = time.perf_counter() + PATIENCE
    while not what():
        if time.perf_counter() > end:
            raise SystemExit("it never happens")
        time.sleep(STEP)


def measure(logs: list[Path], rounds: int) -> None:
    """Measure on the first of *logs*, print."""
    log = logs[0]
    served = Served(log)
    served.wait("/")
    first = time.perf_counter() - served.start
    print(f"{os.cpu_count()} cores, {log.stat().st_size / 1e6:.0f} MB\n")
    print(f"{'page':20} {'cold':>8} {'its CPU':>8} {'warm':>9} {'its CPU':>9} {'size':>8}")
    for path, title in PAGES.items():
        before = 0.0 if path == "/" else served.cpu()
        cold = first if path == "/" else served.wait(path)
        served.settle(path)
        cpu = served.cpu() - before
        before = cpu_seconds(served.pid)
        found = [served.ask(path) for _ in range(rounds)]
        each = (cpu_seconds(served.pid) - before) / rounds
        warm = statistics.median(seconds for _, _, seconds in found)
        print(f"{title:20} {cold:6.2f} s {cpu:6.2f} s {warm * 1000:6.1f} ms", end="")
        print(f" {each * 1000:6.1f} ms {found[0][1] / 1e3:5.0f} kB")
        if path == "/":
            wait_for(served.rests)
    show_memory(served)
    print(f"ended by SIGTERM in {served.end():.2f} s")


def show_memory(served: Served) -> None:
    """Print the memory of all processes: while they read, and when they are idle."""
    peak = sum(memory(pid, "VmHWM") for pid in served.children())
    print(f"\nreading, at most: server {memory(served.pid, 'VmHWM'):.0f} MB, others {peak:.0f} MB")
    wait_for(lambda: not served.children())
    resident, shared_out = (memory(served.pid, name) for name in ("VmRSS", "Pss"))
    print(f"idle: {resident:.0f} MB resident, {shared_out:.0f} MB proportional")


if __name__ == "__main__":
    bench_task.run(__doc__, measure, rounds=51)
