"""What rolled-up runs cost in Elasticsearch: bytes, the time of `slowtask rollup URL`, a year's ranking.

    .venv/bin/python bench/bench_rollup_elastic.py                          # some ten minutes
    .venv/bin/python bench/bench_rollup_elastic.py --count 20000 --days 40  # to see that it works

On an Elasticsearch of its own, started as the tests do and stopped: one node, heap 2 GB, no TLS. First a day
of runs of 50 tasks is stored and rolled up. Then a year of cells (50 tasks, 10 queues, 480 runs a day each)
is written as `rollup` writes them, and ranked without any run being there.
"""

import argparse
import math
import random
import statistics
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import lines
from bench_elastic import (
    CHUNK,
    KINDS,
    elasticsearch,
    fresh,
    merged_size,
    records,
    seconds,
    settled,
    slowtask,
)
from elasticsearch import Elasticsearch, helpers

from documents import actions
from slowtask.store import Query
from slowtask.store.comparison import WIDTH
from slowtask.store.elastic.access import Access
from slowtask.store.elastic.rolled.cell import Cell, Key
from slowtask.store.elastic.rolled.hours import FOREVER, HOUR
from slowtask.store.elastic.rolled.making import merge_spans
from slowtask.store.elastic.rolled.sketch import count_bins
from slowtask.store.elastic.rolled.streams import roll_up_streams
from slowtask.store.elastic.rolled.writing import write_cells
from slowtask.store.elastic.search import Search
from slowtask.store.elastic.store import Elastic

TASKS, QUEUES, RUNS = 50, 10, 480  # RUNS a day of each task
YEAR = datetime(2025, 11, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def rolling_up(client: Elasticsearch, access: Access, log: Path, count: int) -> None:
    """Print how long a day of *count* runs takes to roll up, and what it is smaller."""
    name = fresh(client, KINDS[2], "day")
    helpers.bulk(client, actions(records(log, count), name), chunk_size=CHUNK)
    settled(client, name)
    client.indices.refresh(index=name)
    now = lines.BEGIN + 40 * DAY
    took = seconds(lambda: list(roll_up_streams(replace(access, path=name), now)))
    cells = "metrics-slowtask.hour-day"
    again = seconds(lambda: list(roll_up_streams(replace(access, path=name), now)))
    documents = client.count(index=cells)["count"]
    raw, rolled = merged_size(client, name), merged_size(client, cells)
    print(f"{count:,} runs of {lines.TASKS} tasks in a day\n")
    print(f"rolled up in {took:.1f} s ({count / took:,.0f} runs a second), looked at again in {again:.2f} s")
    print(f"{raw / count:.1f} bytes a run; {rolled / count:.2f} rolled up, 1/{raw / rolled:.0f}")
    print(f"{documents:,} documents of {rolled / documents:.0f} bytes", flush=True)


def ranking(client: Elasticsearch, access: Access, days: int, hours: int, rounds: int) -> None:
    """Print the seconds of ranking the cells of *hours* of each of *days*, without a run."""
    cells = Search(client, "metrics-slowtask.hour-year", access.host)
    write_cells(cells, year(days, hours), {})
    client.indices.refresh(index=cells.index)
    list(merge_spans(cells, (0, FOREVER), "day", "hour"))
    list(merge_spans(cells, (0, FOREVER), "month", "day"))
    settled(client, cells.index)
    documents, size = client.count(index=cells.index)["count"], merged_size(client, cells.index)
    fresh(client, KINDS[2], "year")
    client.create(index="logs-slowtask.run-year", id="1", document={"@timestamp": "2000-01-01T00:00:00Z"})
    store = Elastic(replace(access, path="logs-slowtask.run-year"))
    odd = Query(since=YEAR + 9.3 * DAY, until=YEAR + (days - 9.6) * DAY)
    middle = YEAR + days / 2 * DAY
    sides = {
        "slowtask top URL": partial(slowtask, "top", f"{access.url}/logs-slowtask.run-year"),
        "  its query alone": lambda: store.measure(Query()),
        "  from inside a month to another": lambda: store.measure(odd),
        "  comparing two halves": lambda: store.compare(Query(until=middle), Query(since=middle)),
    }
    took = {side: [] for side in sides}
    for _ in range(rounds):
        for side, call in sides.items():
            took[side].append(seconds(call))
    kept = f"{documents:,} documents of {size / documents:.0f} bytes"
    print(f"\n{days} days of {TASKS} tasks in {QUEUES} queues: {kept}\n")
    print(f"{'RANKING':34}{'BEST':>10}{'MEDIAN':>10}")
    for side, each in took.items():
        print(f"{side:34}{min(each):8.2f} s{statistics.median(each):8.2f} s")


def year(days: int, hours: int) -> Iterator[tuple[Key, Cell]]:
    """The cells of *hours* of each of *days*: lognormal run times, exponential waits."""
    chance, start = random.Random(1), int(YEAR.timestamp() * 1000)
    times = [sample(lambda k=k: math.exp(chance.gauss(-2 + k * 7 % 40 / 9, 0.7))) for k in range(TASKS)]
    waits = sample(lambda: chance.expovariate(0.25))
    for hour in range(start, start + days * 24 * HOUR, 24 // hours * HOUR):
        for task, bins in enumerate(times):
            key = Key("hour", hour, f"shop.jobs.task_{task}", f"queue-{task % QUEUES}", "1.0")
            runs = RUNS // hours
            yield key, make_cell(hour, chance.choices(bins, k=runs), chance.choices(waits, k=runs))


def sample(draw) -> list[int]:
    """The bins of so many seconds as *draw* returns."""
    return [int(math.log(1e9 * draw() + 1) / math.log(WIDTH)) for _ in range(5000)]


def make_cell(hour: int, times: list[int], waits: list[int]) -> Cell:
    """The cell of runs whose times and waits are in these bins."""
    return Cell(
        runs=len(times),
        timed=len(times),
        total=sum(WIDTH**place for place in times),
        spread=1e18,
        max=int(WIDTH ** max(times)),
        margin=0,
        first=hour * 1000,
        last=(hour + HOUR) * 1000 - 1,
        times=count_bins(Counter(times)),
        waits=count_bins(Counter(waits)),
    )


def main() -> None:
    """Read the arguments; start and stop the server."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--count", type=int, default=1_000_000, help="runs in the day that is rolled up")
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--hours", type=int, default=24, help="of a day of that year, in which tasks run")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    lines.TASKS, lines.STEP = TASKS, DAY / arguments.count
    lines.BEGIN = lines.BEGIN.replace(hour=0)
    with tempfile.TemporaryDirectory(prefix="bench-elastic-") as folder:
        log = Path(folder) / "runs.ndjson"
        lines.generate(log, arguments.count)
        with elasticsearch() as (impatient, access):
            client = impatient.options(request_timeout=600)
            rolling_up(client, access, log, arguments.count)
            ranking(client, access, arguments.days, arguments.hours, arguments.rounds)


if __name__ == "__main__":
    main()
