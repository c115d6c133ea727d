"""What recording adds to one attempt: `python bench/bench_record.py [--attempts 20000] [--jobs 2000]`.

Three figures, each a comparison in one run, the two sides in turn:
- `TimedJob.perform` against `Job.perform` in one process, no broker: the median of the differences of pairs;
- that difference with every line passed through `Logger.handle` and a `LogRecord`, against the direct way to
  the file that `slowtask.record.log.write` takes where nobody else listens;
- a burst of `SimpleWorker` (RQ's own) with `TimedJob` against the same with `Job`, on a redis-server of
  the benchmark's own: seconds a job, the median over rounds.
"""

import argparse
import json
import logging.handlers
import os
import statistics
import tempfile
import time
from pathlib import Path

from pythonjsonlogger.msgspec import MsgspecFormatter
from redis import Redis
from rq import Queue, SimpleWorker
from rq.job import Job

import slowtask
from slowtask.demo.server import Server
from slowtask.demo.tasks import simple_task
from slowtask.record import log
from slowtask.rq import TimedJob

BLOCK = 200  #: attempts in a row that are written in the same way


def main():
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--attempts", type=int, default=20_000)
    parser.add_argument("--jobs", type=int, default=2_000)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "runs.ndjson"
        slowtask.configure(
            log=str(path), service_name="bench", service_version="1.0", service_environment="test"
        )
        added, by_logger = perform(chosen.attempts)
        line = bare_write(Path(folder) / "bare", chosen.attempts)
        stock = stock_line(Path(folder) / "stock", path, chosen.attempts)
        plain, timed = work(Path(folder), chosen.jobs)
        size = path.stat().st_size / len(path.read_bytes().splitlines())
    print(f"added to one attempt, median         {added * 1e6:8.1f} µs   target ≤ 20 µs")
    print(f"  with each line by the logger       {by_logger * 1e6:8.1f} µs   ratio {by_logger / added:.2f}")
    print(f"  for scale: a bare write            {line * 1e6:8.1f} µs")
    print(
        f"  and a line made of stock parts     {stock * 1e6:8.1f} µs   python-json-logger, WatchedFileHandler"
    )
    print(f"SimpleWorker, a job, plain           {plain * 1e6:8.0f} µs")
    print(f"SimpleWorker, a job, TimedJob        {timed * 1e6:8.0f} µs")
    print(f"share of a SimpleWorker's job        {added / plain:8.2%}      target ≤ 1 %")
    print(f"bytes a line                         {size:8.0f}")


def perform(attempts):
    """Median seconds that TimedJob adds to one perform, with lines written directly and by the logger."""
    plain, timed = jobs(Job), jobs(TimedJob)
    direct, by_logger = log.LineHandler.is_only_listener, lambda *both: direct(*both) and False
    added = {direct: [], by_logger: []}
    for _ in range(attempts // BLOCK + 1):
        for way, differences in added.items():
            log.LineHandler.is_only_listener = way  # which empties the interpreter's caches of the class
            block = [once(timed) - once(plain) for _ in range(BLOCK)]
            differences.extend(block[BLOCK // 10 :])
    log.LineHandler.is_only_listener = direct
    return [statistics.median(differences[BLOCK:]) for differences in added.values()]


def jobs(kind):
    """A job as a worker has it after it was fetched."""
    job = kind.create(
        simple_task, connection=Redis(), id="5f841a3e-4b24-49e8-b3be-34bd0a32218d", origin="default"
    )
    job.enqueued_at = job.created_at
    job.worker_name = "74ecc49d07f64661a43ed82949ac4d45"
    return job


def once(job):
    """Seconds of one perform."""
    start = time.perf_counter()
    job.perform()
    return time.perf_counter() - start


def bare_write(path, attempts):
    """Median seconds of one `os.write` of 600 bytes."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    line = b"x" * 599 + b"\n"

    def timed():
        start = time.perf_counter()
        os.write(descriptor, line)
        return time.perf_counter() - start

    return statistics.median(timed() for _ in range(attempts))


def stock_line(path, runs, attempts):
    """Median seconds of a line of the same fields by python-json-logger and `WatchedFileHandler`.

    Between two lines a job is performed: with all caches warm a line is twice as fast.
    """
    handler = logging.handlers.WatchedFileHandler(path)
    handler.setFormatter(MsgspecFormatter())
    logger = logging.getLogger("stock")
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    event = json.loads(runs.read_text().splitlines()[-1])
    job = jobs(Job)

    def timed():
        job.perform()
        start = time.perf_counter()
        logger.info(event)
        return time.perf_counter() - start

    return statistics.median(timed() for _ in range(attempts))


def work(folder, count):
    """Median seconds a job of a SimpleWorker, with Job and with TimedJob, in turn."""
    with Server(folder) as server:
        redis = server.client()
        pairs = [(burst(redis, Job, count // 5), burst(redis, TimedJob, count // 5)) for _ in range(5)]
    return [statistics.median(side) for side in zip(*pairs, strict=True)]


def burst(redis, kind, count):
    """Seconds a job of one burst."""
    queue = Queue(connection=redis, job_class=kind)
    for _ in range(count):
        queue.enqueue(simple_task)
    worker = SimpleWorker([queue], connection=redis, job_class=kind)
    start = time.perf_counter()
    worker.work(burst=True, logging_level="ERROR")
    return (time.perf_counter() - start) / count


if __name__ == "__main__":
    main()
