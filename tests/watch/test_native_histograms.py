"""Histograms in exponential buckets, and the protobuf in which Prometheus takes them."""

import math
import random
import struct
import urllib.request

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slowtask.watch.history import History
from slowtask.watch.metrics.counts import RunCounts
from slowtask.watch.metrics.health import Health
from slowtask.watch.metrics.histogram import MAX_BUCKETS, SCHEMA, ZERO_THRESHOLD, Histogram
from slowtask.watch.metrics.protobuf import is_asked_for, varint, zigzag
from slowtask.watch.metrics.server import serve
from slowtask.watch.recent import RecentRun

PROTOBUF = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
#: What each version of Prometheus asks for.
PROMETHEUS_2 = f"{PROTOBUF},application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.5"
TEXT = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.4,*/*;q=0.3"


def made(*values):
    histogram = Histogram()
    for each in values:
        histogram.add(each)
    return histogram.read()


def spread(native):
    """The counts of the native buckets by their upper bounds."""
    found, index, count, deltas = {}, 0, 0, iter(native.deltas)
    for gap, length in native.spans:
        index += gap
        for each in range(index, index + length):
            count += next(deltas)
            found[2 ** (each / 2**native.schema)] = count
        index += length
    return found


def test_a_value_on_a_bound_is_in_the_bucket_below():
    assert spread(made(1.0, 2.0, 1.0).native) == {1.0: 2, 2.0: 1}


def test_a_value_that_is_nearly_0_is_in_the_bucket_of_zeros():
    native = made(0.0, ZERO_THRESHOLD, ZERO_THRESHOLD * 1.01).native

    assert native.zero_count == 2
    assert list(spread(native).values()) == [1]


@given(st.lists(st.floats(0.0, 1e9), max_size=400))
def test_each_value_is_in_a_bucket_whose_bounds_enclose_it(values):
    native = made(*values).native
    width = 2 ** (1 / 2**native.schema)

    expected = sorted(each for each in values if each > ZERO_THRESHOLD)
    bounds = [bound for bound, count in spread(native).items() for _ in range(count)]
    assert len(spread(native)) <= MAX_BUCKETS
    assert native.zero_count + len(bounds) == len(values)
    for value, bound in zip(expected, bounds, strict=True):
        assert bound / width * (1 - 1e-9) <= value <= bound * (1 + 1e-9)


def test_buckets_are_made_wider_where_there_are_too_many():
    few, many = made(*[1.5] * 1000), made(*(1.09**number for number in range(-40, 400)))

    assert few.native.schema == SCHEMA
    assert many.native.schema < SCHEMA
    assert len(spread(many.native)) <= MAX_BUCKETS


def test_both_kinds_of_buckets_count_the_same():
    rng = random.Random(1)
    values = [rng.lognormvariate(0, 3) for _ in range(10_000)]
    reading = made(*values)

    assert reading.buckets[-1] == (math.inf, 10_000)
    assert reading.native.zero_count + sum(spread(reading.native).values()) == 10_000
    assert dict(reading.buckets)[1.0] == sum(each <= 1.0 for each in values)


@given(st.integers(0, 2**63 - 1))
def test_a_number_is_written_as_protobuf_has_it(number):
    assert read_varint(varint(number)) == (number, b"")


def test_a_signed_number_is_written_as_protobuf_has_it():
    assert [zigzag(each) for each in (0, -1, 1, -2, 2, 2**31 - 1, -(2**31))] == [
        0,
        1,
        2,
        3,
        4,
        2**32 - 2,
        2**32 - 1,
    ]


@pytest.mark.parametrize(
    ("accept", "asked"),
    [
        (PROTOBUF, True),
        (PROMETHEUS_2, True),
        (f"{TEXT},{PROTOBUF};q=0.6", True),
        (f"{TEXT},{PROTOBUF};q=0.2", False),
        (TEXT, False),
        ("*/*", False),
        ("", False),
        (f"{PROTOBUF};q=none", False),
        (f"{PROTOBUF};q=0", False),
        (PROTOBUF.replace("delimited", "text"), False),
        ("application/vnd.google.protobuf", False),
        (",;,=;q", False),
    ],
)
def test_protobuf_is_sent_to_who_prefers_it(accept, asked):
    assert is_asked_for(accept) is asked


@pytest.fixture
def ask():
    """Ask a server of the metrics of one run for a format; return the format of the answer, and its body."""
    counts = RunCounts(clock=lambda: 0.0)
    history = History(on_run=counts.add)
    server = serve("127.0.0.1:0", Health(60.0), runs=(counts, history))
    history.add([RecentRun("jobs.price", 1.0, 7, took=1.5, action="finished", system="rq", queue="mail")])

    def fetch(accept):
        url = f"http://127.0.0.1:{server.server_port}/metrics"
        with urllib.request.urlopen(urllib.request.Request(url, headers={"Accept": accept})) as answer:
            return answer.headers["Content-Type"], answer.read()

    yield fetch
    server.shutdown()
    server.server_close()


def test_the_same_server_sends_protobuf_and_text(ask):
    kind, body = ask(PROMETHEUS_2)
    families = {family[1][0].decode(): family for family in read_families(body)}
    text_kind, text = ask(TEXT)

    assert kind.startswith("application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily")
    assert {"slowtask_run_seconds", "slowtask_attempts_total", "slowtask_up"} <= families.keys()
    assert text_kind.startswith("application/openmetrics-text; version=1.0.0")
    assert b"slowtask_run_seconds_bucket{" in text


def test_a_histogram_is_sent_with_both_kinds_of_buckets(ask):
    [family] = [each for each in read_families(ask(PROTOBUF)[1]) if each[1] == [b"slowtask_run_seconds"]]
    metric = read_message(family[4][0])
    histogram = read_message(metric[7][0])

    labels = [read_message(each) for each in metric[1]]
    assert [(each[1][0], each[2][0]) for each in labels] == [
        (b"system", b"rq"), (b"queue", b"mail"), (b"task", b"jobs.price")
    ]  # fmt: skip
    assert (histogram[1], histogram[2], histogram[5]) == ([1], [1.5], [zigzag(SCHEMA)])
    assert read_message(histogram[12][0])[1] == [zigzag(5)]  # over 2**(4/8), at most 2**(5/8)
    assert histogram[13] == [bytes([zigzag(1)])]


def read_families(body):
    """The messages of *body*, each of which stands after its length."""
    while body:
        length, body = read_varint(body)
        yield read_message(body[:length])
        body = body[length:]


def read_message(body):
    """The values of each field of a message, by its number."""
    fields = {}
    while body:
        key, body = read_varint(body)
        if key & 7 == 0:
            value, body = read_varint(body)
        elif key & 7 == 1:
            value, body = struct.unpack("<d", body[:8])[0], body[8:]
        else:
            length, body = read_varint(body)
            value, body = body[:length], body[length:]
        fields.setdefault(key >> 3, []).append(value)
    return fields


def read_varint(body):
    """The number that *body* begins with, and what follows it."""
    number = 0
    for place, each in enumerate(body):
        number |= (each & 0x7F) << 7 * place
        if each < 0x80:
            return number, body[place + 1 :]
    raise AssertionError(body)
