"""What recording adds to one Celery task: `python bench/bench_celery.py [--tasks N] [--jobs N] [--rounds N]`.

Each figure is a comparison in one run, the two sides in turn:
- Celery's tracer around an empty task in one process, with the hooks and without, in blocks of 200 calls;
- two real prefork workers of two processes, on a redis-server of the benchmark's own: the time they take for
  so many empty tasks, the CPU time of their main process, and the time of the tracer in their children, where
  what each task needs has left the processor's caches meanwhile.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import celery
from celery import signals
from celery.app.trace import build_tracer

import slowtask
import slowtask.celery
from slowtask.celery import hooks, worker
from slowtask.demo.server import Server
from slowtask.demo.tasks import simple_task
from slowtask.record.board import Board
from slowtask.record.timer import PROCESS

BLOCK = 200
STAGED = "staged"
SIDES = ("plain", "hooked")
APP = """
import os, statistics, time
import celery, celery.worker.request, slowtask.celery

SIDE = os.environ["BENCH_SIDE"]
app = celery.Celery("bench", broker=os.environ["BENCH_URL"])
app.conf.task_ignore_result = True
if SIDE == "hooked":
    slowtask.celery.install(app)

@app.task
def simple(): pass

trace, took = celery.worker.request.fast_trace_task, []

def timed(*arguments, **more):
    start = time.perf_counter()
    done = trace(*arguments, **more)
    took.append(time.perf_counter() - start)
    if len(took) == 500:
        with open(SIDE + ".times", "a") as times:
            times.write(f"{statistics.median(took)}\\n")
        took.clear()
    return done

celery.worker.request.fast_trace_task = timed
"""
OURS = [
    (signals.task_prerun, hooks.begin_attempt),
    (signals.task_postrun, hooks.end_attempt),
]


def main():
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=20_000)
    parser.add_argument("--jobs", type=int, default=4_000)
    parser.add_argument("--rounds", type=int, default=7)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        added = traced(Path(folder) / "runs.ndjson", chosen.tasks)
        print(f"added to one task in the child, median    {added * 1e6:7.1f} µs   target ≤ 25 µs")
        rounds(Path(folder), chosen.jobs, chosen.rounds)


def traced(log, count):
    """Seconds that the hooks add to one call of the tracer."""
    slowtask.configure(log=str(log), service_name="bench", service_version="1.0", service_environment="test")
    app = celery.Celery("bench", broker="memory://")
    app.conf.task_ignore_result = True
    simple = app.tasks[app.task(simple_task).name]
    trace = build_tracer(simple.name, simple, app=app)
    child = worker.Worker(pid=os.getppid(), cpu_scope=PROCESS, board=Board(slots=worker.BOARD_SLOTS))
    worker.current_worker = lambda: child
    trace_block(trace, BLOCK)
    differences = []
    for _ in range(count // BLOCK):
        plain = trace_block(trace, BLOCK)
        for signal, receiver in OURS:
            signal.connect(receiver, weak=False, dispatch_uid="bench")
        trace_block(trace, 5)
        differences.append(trace_block(trace, BLOCK) - plain)
        for signal, _receiver in OURS:
            signal.disconnect(dispatch_uid="bench")
    return statistics.median(differences)


def trace_block(trace, count):
    """The median seconds of one call."""
    took = []
    for number in range(count):
        request = {
            "id": f"id-{number}", "retries": 0, "hostname": "celery@bench", "slowtask_published": time.time(),
            "delivery_info": {"exchange": "", "routing_key": "celery", "redelivered": False},
        }  # fmt: skip
        start = time.perf_counter()
        trace(request["id"], (), {}, request)
        took.append(time.perf_counter() - start)
    return statistics.median(took)


def rounds(folder, jobs, count):
    """Print what *count* rounds of *jobs* tasks take, with the hooks and without."""
    (folder / "benched.py").write_text(APP)
    with Server(folder) as server, server.client() as redis, ExitStack() as stack:
        plain, hooked = (stack.enter_context(running(folder, server.url, redis, side)) for side in SIDES)
        pairs = []
        for number in range(count + 1):
            both = [plain, hooked] if number % 2 else [hooked, plain]
            figures = {each: worked(each, redis, jobs) for each in both}
            pairs += [(figures[plain], figures[hooked])] if number else []  # the first only warms up
    usual, child = (median_of(folder / f"{side}.times") for side in SIDES)
    ratio = statistics.median(plain[0] / hooked[0] for plain, hooked in pairs)
    parent = statistics.median(hooked[1] - plain[1] for plain, hooked in pairs) / jobs
    whole = statistics.median(plain[0] for plain, _ in pairs) / jobs
    print(
        f"  in the child of a real worker           {(child - usual) * 1e6:7.1f} µs   to {usual * 1e6:.0f} µs"
    )
    print(f"added to one task in the parent, CPU      {parent * 1e6:7.1f} µs   target ≤ 15 µs")
    print(f"a task of a prefork worker, plain         {whole * 1e6:7.0f} µs")
    print(f"throughput with the hooks over without    {ratio:7.3f}      target ≥ 0.98")


def median_of(times):
    """The median of a file of medians, of which the first ten belong to the warming up."""
    return statistics.median(list(map(float, times.read_text().split()))[10:])


@dataclass(frozen=True, eq=False)
class Running:
    """A worker of a queue of its own."""

    side: str
    pid: int
    folder: Path
    environ: MappingProxyType


@contextmanager
def running(folder, url, redis, side):
    """One of the two workers."""
    path = os.pathsep.join(
        [str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]
    )  # of another checkout too
    environ = os.environ | {"BENCH_URL": url, "BENCH_SIDE": side, "PYTHONPATH": path}
    environ["SLOWTASK_LOG"] = str(folder / "worker.ndjson")
    command = [sys.executable, "-m", "celery", "-A", "benched", "worker", "-c", "2", "-Q", side]
    command += ["-n", f"celery@{side}", "--without-gossip", "--without-mingle"]
    with (folder / f"{side}.log").open("wb") as output:
        process = subprocess.Popen(command, env=environ, cwd=folder, stdout=output, stderr=output)
    try:
        while not redis.exists(f"_kombu.binding.{side}") and process.poll() is None:
            time.sleep(0.1)
        yield Running(side, process.pid, folder, MappingProxyType(environ))
    finally:
        process.terminate()
        process.wait()


def worked(worker, redis, jobs):
    """Seconds that *jobs* tasks took, all there from the start; CPU seconds of the worker's main process."""
    script = f"import benched\nfor _ in range({jobs}): benched.simple.apply_async(queue={STAGED!r})"
    subprocess.run([sys.executable, "-c", script], env=dict(worker.environ), cwd=worker.folder, check=True)
    before, start = used(worker.pid), time.perf_counter()
    redis.rename(STAGED, worker.side)
    while redis.llen(worker.side) or redis.hlen("unacked"):
        time.sleep(0.005)
    return time.perf_counter() - start, used(worker.pid) - before


def used(pid):
    """CPU seconds of a process, by its scheduler."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


if __name__ == "__main__":
    main()
