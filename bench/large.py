"""A plan for so many attempts a day, from the costs of one: the arithmetic of bench_large.py."""

import math
import tomllib
from dataclasses import dataclass
from pathlib import Path

DAY = 86_400
GB, TB = 1e9, 1e12
NONE = "\N{EN DASH}"
FACTS = tomllib.loads((Path(__file__).parent / "large.toml").read_text())


@dataclass(frozen=True, kw_only=True)
class Costs:
    """What one attempt costs: microseconds of CPU, and bytes."""

    record_us: float
    line_bytes: float
    packed_bytes: float
    filebeat_us: float
    gzip_bytes: float
    logstash_us: float
    index_us: float
    stored_bytes: float
    top_us: float


@dataclass(frozen=True, kw_only=True)
class Assumed:
    """What a plan assumes beside the costs."""

    peak: float
    retention_days: int
    copies: int
    free_disk: float
    shard_documents: int
    shard_days: int
    node_terabytes: float
    kafka_copies: int
    kafka_hours: int


COSTS, ASSUMED = Costs(**FACTS["costs"]), Assumed(**FACTS["assumed"])


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What *attempts* a day need."""

    attempts: float
    costs: Costs = COSTS
    assumed: Assumed = ASSUMED

    @property
    def peak(self) -> float:
        """Attempts a second in the busiest minutes."""
        return self.attempts / DAY * self.assumed.peak

    def cores(self, microseconds: float) -> float:
        """Cores that are busy at the peak, if one attempt takes so long."""
        return self.peak * microseconds / 1e6

    @property
    def log(self) -> float:
        """Bytes that workers write a day."""
        return self.attempts * self.costs.line_bytes

    @property
    def stored(self) -> float:
        """Bytes of one copy in Elasticsearch a day."""
        return self.attempts * self.costs.stored_bytes

    @property
    def disk(self) -> float:
        """Bytes of disk for all copies of the whole retention, with room to merge."""
        kept = self.stored * self.assumed.retention_days * self.assumed.copies
        return kept / (1 - self.assumed.free_disk)

    @property
    def nodes(self) -> int:
        """Nodes of Elasticsearch: by disk, and three where one may die."""
        by_disk = math.ceil(self.disk / (self.assumed.node_terabytes * TB))
        return max(by_disk, 3 if self.copies_matter else 1)

    @property
    def copies_matter(self) -> bool:
        """Whether a single node, which the light stack or the Compose file is, is too little."""
        return self.attempts > 5e6

    @property
    def primaries(self) -> int:
        """Primary shards, so that a new index begins at most once a day."""
        return math.ceil(self.attempts / self.assumed.shard_documents)

    @property
    def index_days(self) -> float:
        """Days until Elasticsearch starts a new index."""
        return min(self.assumed.shard_days, self.assumed.shard_documents * self.primaries / self.attempts)

    @property
    def shards(self) -> int:
        """Shards that are kept, with replicas."""
        indices = math.ceil(self.assumed.retention_days / self.index_days) + 1
        return indices * self.primaries * (self.assumed.copies if self.nodes > 1 else 1)

    @property
    def shard(self) -> float:
        """Bytes of a full shard."""
        return self.stored / self.primaries * self.index_days

    @property
    def partitions(self) -> int:
        """Kafka's partitions: three, or twice as many as Logstash's threads that are busy at the peak."""
        return max(3, 2 * math.ceil(self.cores(self.costs.logstash_us)))

    @property
    def kafka(self) -> float:
        """Bytes that Kafka holds."""
        share = self.assumed.kafka_hours / 24
        return self.attempts * self.costs.gzip_bytes * self.assumed.kafka_copies * share

    def query(self, hours: float) -> float:
        """Seconds of CPU in which `slowtask top` ranks the last *hours*."""
        return self.attempts * hours / 24 * self.costs.top_us / 1e6


def size(number: float) -> str:
    """*number* bytes as people write them: `65 MB`, `3.9 GB`, `12 TB`."""
    unit, name = next((u, n) for u, n in ((TB, "TB"), (GB, "GB"), (1e6, "MB")) if number >= u or n == "MB")
    return f"{short(number / unit)} {name}"


def short(number: float) -> str:
    """*number* with two digits that count, and thousands apart."""
    if number >= 10:
        return f"{round(number, 1 - int(math.log10(number))):,.0f}"
    return f"{number:.1f}" if number >= 1 else f"{number:.2g}"


def cost_table(costs: Costs = COSTS) -> str:
    """What a million attempts cost at each stage, as a table."""
    rows = [
        ("Worker: record, write the line", costs.record_us, costs.line_bytes),
        ("`slowtask pack`", None, costs.packed_bytes),
        ("Filebeat, straight to Elasticsearch", costs.filebeat_us, None),
        ("Kafka, one copy, gzip", None, costs.gzip_bytes),
        ("Logstash, `fast.conf`", costs.logstash_us, None),
        ("Elasticsearch: index, one copy", costs.index_us, costs.stored_bytes),
        ("Elasticsearch: `slowtask top URL`", costs.top_us, None),
    ]
    lines = ["| Stage | CPU | Bytes |", "| --- | --- | --- |"]
    for name, cpu, amount in rows:
        told = f"{short(cpu)} s" if cpu is not None else NONE
        lines.append(f"| {name} | {told} | {size(amount * 1e6) if amount else NONE} |")
    return "\n".join(lines)


def plan_table(plans: list[Plan]) -> str:
    """What each plan needs, as a table."""
    rows = {
        "attempts a second, mean": lambda p: short(p.attempts / DAY),
        "… at the peak": lambda p: short(p.peak),
        "log lines a day": lambda p: size(p.log),
        "… packed": lambda p: size(p.attempts * p.costs.packed_bytes),
        "cores at the peak: Filebeat, on all machines": lambda p: short(p.cores(p.costs.filebeat_us)),
        "… Logstash": lambda p: short(p.cores(p.costs.logstash_us)),
        "… Elasticsearch, indexing": lambda p: short(p.cores(p.costs.index_us) * copies(p)),
        "Kafka: partitions": lambda p: p.partitions if p.attempts >= 1e8 else "none",
        "… disk, a day in three copies": lambda p: size(p.kafka) if p.attempts >= 1e8 else NONE,
        "Elasticsearch: one copy a day": lambda p: size(p.stored),
        "… disk for 30 days": lambda p: size(p.disk / p.assumed.copies * copies(p)),
        "… nodes": lambda p: p.nodes,
        "… primary shards of an index": lambda p: p.primaries,
        "… days until a new index": lambda p: short(p.index_days),
        "… shards that are kept, with replicas": lambda p: p.shards,
        "… a full shard": lambda p: size(p.shard),
        "CPU of `slowtask top URL` over the last hour": lambda p: f"{short(p.query(1))} s",
        "… over the last day": lambda p: f"{short(p.query(24))} s",
    }
    head = [
        "| A day | " + " | ".join(f"{p.attempts:,.0f}" for p in plans) + " |",
        "| --- |" + " --- |" * len(plans),
    ]
    return "\n".join(
        head
        + [f"| {name} | " + " | ".join(str(tell(p)) for p in plans) + " |" for name, tell in rows.items()]
    )


def copies(plan: Plan) -> int:
    """How many copies of a document there are: one node has no replica."""
    return plan.assumed.copies if plan.nodes > 1 else 1
