"""What watching costs: a poll of many queues, the backlog of a deep one, and a monitor at rest.

    .venv/bin/python bench/bench_monitor.py
    .venv/bin/python bench/bench_monitor.py --runs   # only the counts for Prometheus
    .venv/bin/python bench/bench_monitor.py --jobs 100000 --seconds 10   # to see that it works

On a redis-server and a rabbitmq-server of its own, over loopback. The jobs have what RQ's and Celery's have,
written without them to be quick.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import kombu
from prometheus_client import CollectorRegistry, generate_latest
from redis import Redis

from slowtask.demo.rabbitmq.server import RabbitMQ
from slowtask.demo.server import Server
from slowtask.watch.broker import Broker
from slowtask.watch.broker.address import open_broker
from slowtask.watch.broker.amqp import Amqp
from slowtask.watch.broker.celery_redis import CeleryRedis
from slowtask.watch.broker.rq import Rq
from slowtask.watch.history import History
from slowtask.watch.judge import Typical
from slowtask.watch.metrics.counts import RunCounts
from slowtask.watch.metrics.protobuf import write_families
from slowtask.watch.metrics.runs import RunCollector
from slowtask.watch.recent import RecentRun
from slowtask.watch.view import MAX_SAMPLED_JOBS, Watch

ROUNDS = 20
CHUNK = 20_000
SHARE = 0.3  # of the deep queue's jobs are send_mail
TYPICAL = {"jobs.send_mail": Typical(mean=5.0, p99=9.0), "jobs.thumb": Typical(mean=0.1, p99=0.4)}


def fill(redis: Redis, queue: str, jobs: int) -> None:
    """Have *jobs* wait in *queue*, three in ten of them mails."""
    redis.sadd("rq:queues", f"rq:queue:{queue}")
    for first in range(0, jobs, CHUNK):
        names = [f"{queue}-{number}" for number in range(first, min(jobs, first + CHUNK))]
        pipe = redis.pipeline(transaction=False)
        for number, name in enumerate(names):
            task = "jobs.send_mail" if number * 7919 % 100 < 100 * SHARE else "jobs.thumb"
            fields = {
                "description": f"{task}('x')",
                "enqueued_at": "2026-11-24T00:00:00.000000Z",
                "status": "queued",
            }
            pipe.hset(f"rq:job:{name}", mapping=fields)
        pipe.rpush(f"rq:queue:{queue}", *names)
        pipe.execute()


def work(redis: Redis, workers: int, queues: int) -> None:
    """Register *workers*, one in two of them busy."""
    for number in range(workers):
        key = f"rq:worker:{number}"
        served = f"q{number % queues}"
        redis.sadd("rq:workers", key)
        redis.hset(
            key,
            mapping={"state": ("busy", "idle")[number % 2], "queues": served, "successful_job_count": number},
        )


def busy(redis: Redis) -> float:
    """Milliseconds that Redis has spent on commands."""
    stats = redis.info("commandstats")
    return (
        sum(each["usec"] for name, each in stats.items() if name not in ("cmdstat_info", "cmdstat_exec"))
        / 1000
    )


def polls(broker: Broker, redis: Redis, label: str) -> None:
    """Print what a poll of *broker* at *redis* takes."""
    took, spent, tails = [], [], {}
    for _ in range(ROUNDS):
        before = busy(redis)
        poll = broker.poll(tails)
        spent.append(busy(redis) - before)
        took.append(poll.took * 1000)
        tails = {each.name: each.tail for each in poll.queues if each.tail}
    print(
        f"{label:44}{statistics.median(took):9.1f}{max(took):9.1f}{statistics.median(spent):11.2f}{poll.round_trips:7}"
    )


def backlog(redis: Redis, url: str, depth: int) -> None:
    """Print how long it takes to tell what waits, and how wrong that is."""
    broker, took, off = Rq(redis, url, seed=1), [], []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        found = broker.waiting("deep", MAX_SAMPLED_JOBS)
        took.append(time.perf_counter() - start)
        off.append(abs(found.tasks["jobs.send_mail"] / found.sampled - SHARE))
    print(
        f"\nthe backlog of a queue of {depth:,}, by {MAX_SAMPLED_JOBS:,} jobs at random:"
        f" {statistics.median(took):.2f} s"
    )
    print(f"  a task's share was off by at most {max(off):.1%}, in {ROUNDS} estimates")


def at_rest(url: str, seconds: float) -> None:
    """Print CPU and memory of a monitor with a poll every five seconds."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "slowtask.ndjson").touch()
        environment = os.environ | {"SLOWTASK_REDIS_URL": url, "SLOWTASK_MONITOR_METRICS": "127.0.0.1:19187"}
        command = [sys.executable, "-m", "slowtask", "monitor"]
        process = subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.DEVNULL)
        time.sleep(10)
        before, start = cpu(process.pid), time.monotonic()
        time.sleep(seconds)
        share = (cpu(process.pid) - before) / (time.monotonic() - start)
        resident = memory(process.pid)
        process.terminate()
        process.wait()
    print(f"\na monitor at rest, {seconds:.0f} s: {share:.2%} of a core, {resident:.0f} MB resident")


def soak(redis: Redis, url: str, count: int) -> None:
    """Print how the memory of a watch grows over *count* polls, a day's being 17,280."""
    watch = Watch(Rq(redis, url), typical=lambda: TYPICAL, max_jobs=50, max_keys=20)
    for _ in range(count // 10):
        watch.poll()
    before = memory(os.getpid())
    for _ in range(count):
        watch.poll()
    print(f"\n{count:,} polls: {before:.1f} MB resident before, {memory(os.getpid()):.1f} after")


def runs(count: int) -> None:
    """Print what it costs to keep runs, and to count them for Prometheus under 51 sets of labels."""
    rng, now = random.Random(1), time.time()
    ended = [
        RecentRun(
            f"jobs.t{number % 100}", now + number / 1000, number, took=rng.lognormvariate(0, 3), system="rq",
            wait=rng.lognormvariate(0, 3), memory=1e8, action="finished", queue=f"q{number % 100}",
        )
        for number in range(count)
    ]  # fmt: skip
    before = memory(os.getpid())
    kept, counts = keep(History(), ended), RunCounts()
    history = History(on_run=counts.add)
    counted, grown = keep(history, ended), memory(os.getpid()) - before
    print(f"\n{count:,} runs: {kept:.1f} µs for each to keep it, {counted:.1f} µs to count it too")
    print(f"  {grown:.0f} MB for two histories and {len(counts.read())} sets of labels")
    registry = CollectorRegistry()
    registry.register(RunCollector(counts, history))
    for name, write in (("protobuf", write_protobuf), ("text", generate_latest)):
        start = time.process_time()
        body = write(registry)
        print(
            f"  {name}: {(time.process_time() - start) * 1000:.0f} ms of CPU for {len(body) / 1000:,.0f} kB"
        )


def write_protobuf(registry: CollectorRegistry) -> bytes:
    """What a Prometheus with native histograms gets."""
    return write_families(registry.collect())


def keep(history: History, ended: list[RecentRun]) -> float:
    """The µs of CPU that *history* takes to add a run, of polls with 500 each."""
    start = time.process_time()
    for first in range(0, len(ended), 500):
        history.add(ended[first : first + 500])
    return (time.process_time() - start) / len(ended) * 1e6


def celery(redis: Redis, url: str, queues: int, each: int) -> None:
    """Print what a poll of Celery's queues on Redis takes."""
    message = json.dumps({"body": "W10=" * 100, "headers": {"task": "jobs.thumb", "slowtask_published": 1.0}})
    for number in range(queues):
        redis.sadd(f"_kombu.binding.q{number}", f"q{number}\x06\x16\x06\x16q{number}")
        redis.lpush(f"q{number}", *(f'{message[:-1]}, "n": {place}}}' for place in range(each)))
    polls(CeleryRedis(redis, url), redis, f"Celery on Redis, {queues} queues, {queues * each:,} tasks")


def rabbit(folder: Path, queues: int, each: int) -> None:
    """Print what a poll of Celery's queues on RabbitMQ takes, in all and by its parts."""
    with RabbitMQ(folder) as server, kombu.Connection(server.url) as connection:
        channel = connection.default_channel
        for number in range(queues):
            name = f"q{number}"
            kombu.Queue(name, kombu.Exchange(name), name, channel=channel).declare()
        producer = connection.Producer()
        for number in range(queues * each):
            producer.publish({}, routing_key=f"q{number % queues}", exchange=f"q{number % queues}")
        time.sleep(10)  # until the plugin has figures of all
        watched = open_broker(server.url, server.management)
        took, spent = [], []
        for _ in range(ROUNDS):
            before = cpu(server.pid)
            took.append(watched.poll({}).took * 1000)
            spent.append(cpu(server.pid) - before)
            time.sleep(0.5)
        start = time.perf_counter()
        Amqp(server.url).read_depths([f"q{number}" for number in range(queues)])
        asked = (time.perf_counter() - start) * 1000
        watched.close()
    label = f"Celery on RabbitMQ, {queues} queues, {queues * each:,} tasks"
    print(f"{label:44}{statistics.median(took):9.1f}{max(took):9.1f}{sum(spent) / ROUNDS * 1000:11.2f}")
    print(f"  of which the depths of {queues} queues by AMQP, with the connection, took {asked:.1f} ms")


def cpu(pid: int) -> float:
    """Seconds of CPU, user and system."""
    parts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid: int) -> float:
    """Megabytes resident."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> None:
    """Read the arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--jobs", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--celery", action="store_true", help="only a poll of Celery's brokers")
    parser.add_argument("--runs", action="store_true", help="only what counting runs for Prometheus costs")
    parser.add_argument("--polls", type=int, default=17_280, help="of the soak")
    arguments = parser.parse_args()
    if arguments.runs:
        runs(100_000)
        return
    with (
        tempfile.TemporaryDirectory(prefix="bench-monitor-") as folder,
        Server(Path(folder)) as server,
        server.client() as redis,
    ):
        if not arguments.celery:
            measure(redis, server.url, arguments)
            redis.flushall()
        celery(redis, server.url, 100, 1000)
        for queues, name in ((100, "few"), (1000, "many")):
            (Path(folder) / name).mkdir()
            rabbit(Path(folder) / name, queues, 10)


def measure(redis: Redis, url: str, arguments: argparse.Namespace) -> None:
    """All of it, one after the other."""
    for number in range(100):
        fill(redis, f"q{number}", arguments.jobs // 100)
    work(redis, 20, 100)
    print(f"{'A POLL':44}{'MEDIAN ms':>9}{'MAX':>9}{'REDIS ms':>11}{'TRIPS':>7}")
    polls(Rq(redis, url), redis, f"100 queues, {arguments.jobs:,} jobs, 20 workers")
    at_rest(url, arguments.seconds)
    redis.flushall()
    for number in range(1000):
        fill(redis, f"q{number}", 10)
    work(redis, 500, 1000)
    polls(Rq(redis, url), redis, "1,000 queues, 500 workers")
    redis.flushall()
    fill(redis, "deep", arguments.jobs)
    backlog(redis, url, arguments.jobs)
    redis.flushall()
    for number in range(3):
        fill(redis, f"q{number}", 200)
    soak(redis, url, arguments.polls)


if __name__ == "__main__":
    main()
