"""WATCH: write metrics as protobuf, the only format in which Prometheus 2 and 3 take native histograms.

Only what is sent is written: a handful of messages of Prometheus's public `io.prometheus.client`, of gauges,
counters and histograms. The package `protobuf` would need code that is generated for one of its versions.
"""

import struct
from collections.abc import Iterable, Mapping
from typing import Any, Final

from slowtask.watch.metrics.histogram import ZERO_THRESHOLD, Reading

CONTENT_TYPE: Final = (
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
)
MEDIA_TYPE: Final = "application/vnd.google.protobuf"
MESSAGE: Final = "io.prometheus.client.MetricFamily"
TYPES: Final = {"counter": 0, "gauge": 1, "histogram": 4}
#: The field of a `Metric` that holds its value.
VALUES: Final = {"gauge": 2, "counter": 3, "histogram": 7}
INTEGER, DOUBLE, BYTES = 0, 1, 2  # how a field is written
SEVEN_BITS: Final = 0x7F


def write_families(families: Iterable[Any]) -> bytes:
    """Write *families*, each after its length."""
    written = (write_family(each) for each in families)
    return b"".join(varint(len(each)) + each for each in written)


def write_family(family: Any) -> bytes:
    """Write one metric with all its labels."""
    kind = family.type
    name = f"{family.name}_total" if kind == "counter" else family.name
    head = text(1, name) + text(2, family.documentation) + integer(3, TYPES[kind])
    if kind == "histogram":
        metrics = ((labels, write_histogram(each)) for labels, each in family.natives)
    else:
        metrics = ((each.labels, double(1, each.value)) for each in family.samples)
    return head + b"".join(message(4, write_metric(labels, VALUES[kind], each)) for labels, each in metrics)


def write_metric(labels: Mapping[str, str], field: int, value: bytes) -> bytes:
    """Write a *value*, the message of *field*, with its labels."""
    pairs = b"".join(message(1, text(1, name) + text(2, each)) for name, each in labels.items() if each)
    return pairs + message(field, value)


def write_histogram(histogram: Reading) -> bytes:
    """Write a histogram, in fixed buckets and in native ones."""
    native = histogram.native
    _, count = histogram.buckets[-1]
    parts = [integer(1, count), double(2, histogram.total)]
    parts += [message(3, integer(1, count) + double(2, bound)) for bound, count in histogram.buckets]
    parts += [integer(5, zigzag(native.schema)), double(6, ZERO_THRESHOLD), integer(7, native.zero_count)]
    parts += [message(12, integer(1, zigzag(gap)) + integer(2, length)) for gap, length in native.spans]
    parts += [message(13, b"".join(varint(zigzag(each)) for each in native.deltas))]
    return b"".join(parts)


def is_asked_for(accept: str) -> bool:
    """Whether the header *accept* prefers this format to each other one."""
    wanted = [parse_choice(each) for each in accept.split(",")]
    best = max(weight for _, weight in wanted)
    return any(ours and weight == best > 0 for ours, weight in wanted)


def parse_choice(choice: str) -> tuple[bool, float]:
    """Whether a part of the header is this format, and its weight."""
    kind, *rest = (each.strip() for each in choice.lower().split(";"))
    parameters = dict(each.split("=", 1) for each in rest if "=" in each)
    try:
        weight = float(parameters.get("q", "1"))
    except ValueError:
        weight = 0.0
    ours = kind == MEDIA_TYPE and parameters.get("proto") == MESSAGE.lower()
    return ours and parameters.get("encoding") == "delimited", weight


def varint(number: int) -> bytes:
    """Write a number that isn't negative, seven bits a byte, the lowest first."""
    written = bytearray()
    while number > SEVEN_BITS:
        written.append(number & SEVEN_BITS | 0x80)
        number >>= 7
    written.append(number)
    return bytes(written)


def zigzag(number: int) -> int:
    """Make a number that isn't negative of one that may be: 0, -1, 1, -2 are 0, 1, 2, 3."""
    return number << 1 if number >= 0 else (-number << 1) - 1


def integer(field: int, value: int) -> bytes:
    """Write a field that is an integer."""
    return varint(field << 3 | INTEGER) + varint(value)


def double(field: int, value: float) -> bytes:
    """Write a field that is a number with a fraction."""
    return varint(field << 3 | DOUBLE) + struct.pack("<d", value)


def message(field: int, value: bytes) -> bytes:
    """Write a field that is a message, or packed numbers."""
    return varint(field << 3 | BYTES) + varint(len(value)) + value


def text(field: int, value: str) -> bytes:
    """Write a field that is a text."""
    return message(field, value.encode(errors="backslashreplace"))
