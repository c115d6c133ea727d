"""Runs are sent as metrics and log records, complete and named by the conventions."""

import pytest

from logs import made
from slowtask.errors import UsageError
from slowtask.otel import Exporter

KILLED = {"outcome": "failure", "action": "killed", "reason": "signal 9"}
FINISHED = {"outcome": "success", "action": "finished"}
TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"


def send(*runs, **options):
    """Send *runs*; whether all were accepted."""
    exporter = Exporter(**options)
    for run in runs:
        exporter.take(run)
    return exporter.close()


def only_metric(receiver, name):
    """The attributes and the point of a metric that has one."""
    [(_, attributes, point)] = receiver.metrics(name)
    return attributes, point


def test_a_run_has_the_metric_and_attributes_of_the_conventions(receiver):
    assert send(made("shop.mail", took=0.4, queue="mail", system="rq", **FINISHED))

    attributes, point = only_metric(receiver, "messaging.process.duration")
    assert (point.count, point.sum) == (1, 0.4)
    assert attributes == {
        "messaging.system": "rq",
        "messaging.destination.name": "mail",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "slowtask.task.name": "shop.mail",
        "slowtask.action": "finished",
    }


def test_the_bounds_of_run_times_are_those_of_the_conventions_and_then_go_on_to_hours(receiver):
    send(made(took=7200))

    _, point = only_metric(receiver, "messaging.process.duration")
    advised = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]
    assert list(point.explicit_bounds[:14]) == advised
    assert point.explicit_bounds[-1] == 14_400
    assert point.bucket_counts[-1] == 0


@pytest.mark.parametrize(
    ("how", "error"),
    [
        (KILLED, "killed"),
        ({"outcome": "failure", "action": "failed", "error": "ValueError"}, "ValueError"),
        ({"outcome": "failure"}, "_OTHER"),
        (FINISHED, None),
        ({"outcome": "unknown"}, None),
    ],
)
def test_the_type_of_error_says_how_a_run_failed(receiver, how, error):
    send(made(**how))

    attributes, _ = only_metric(receiver, "slowtask.attempts")
    assert attributes.get("error.type") == error


def test_what_is_not_known_of_a_run_is_not_measured(receiver):
    send(made(took=None, outcome="failure", action="abandoned"))

    assert only_metric(receiver, "slowtask.attempts")[1].as_int == 1
    for name in ("messaging.process.duration", "slowtask.wait.duration", "slowtask.cpu.time"):
        assert receiver.metrics(name) == []


def test_wait_cpu_and_memory_are_measured(receiver):
    send(made(wait=1_500_000_000, cpu=250_000_000, memory=64_000_000))

    sums = [
        only_metric(receiver, name)[1].sum
        for name in ("slowtask.wait.duration", "slowtask.cpu.time", "slowtask.memory.peak")
    ]
    assert sums == [1.5, 0.25, 64_000_000]


def test_tasks_beyond_the_limit_are_counted_in_one_more_series(receiver):
    send(*(made(f"jobs.t{number}", number=number) for number in range(30)), max_series=10)

    points = receiver.metrics("slowtask.attempts")
    overflow = [
        point.as_int for _, attributes, point in points if attributes == {"otel.metric.overflow": True}
    ]
    assert len(points) == 11
    assert overflow == [20]


def test_the_resource_is_that_of_the_service_that_ran_the_task(receiver, monkeypatch):
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "cloud.region=eu,service.version=0")
    run = made(service="shop", version="4.2", environment="production", host="worker-1")
    send(run, made("jobs.other", number=1))

    [(resource, _, _), (other, _, _)] = receiver.logs
    assert (
        resource.items()
        >= {
            "service.name": "shop",
            "service.version": "4.2",
            "deployment.environment.name": "production",
            "host.name": "worker-1",
            "cloud.region": "eu",
        }.items()
    )
    assert other["service.version"] == "0"
    services = {each["service.name"] for each, _, _ in receiver.metrics("slowtask.attempts")}
    assert "shop" in services
    assert len(services) == 2


def test_two_exporters_of_one_host_have_series_of_their_own_and_one_keeps_its_own(receiver):
    for name in ("one", "other", "one"):
        send(made(), name=name)

    instances = {each["service.instance.id"] for each, _, _ in receiver.metrics("slowtask.attempts")}
    assert len(instances) == 2


def test_a_log_record_has_the_fields_of_the_event(receiver):
    run = made(
        "shop.mail", took=1.2, queue="mail", labels={"tenant": "acme"}, trace=TRACE, error="OSError",
        message="no space left", outcome="failure", action="failed", service="shop",
    )  # fmt: skip
    send(run)

    [(_, record, attributes)] = receiver.logs
    assert record.time_unix_nano == run.timestamp.timestamp() * 1e9
    assert record.event_name == "slowtask.run"
    assert record.severity_text == "ERROR"
    assert record.body.string_value == "shop.mail: failed after 1.2 s, OSError: no space left"
    assert record.trace_id.hex() == TRACE
    assert attributes == {
        "event.id": run.id,
        "event.dataset": "slowtask.run",
        "event.duration": 1_200_000_000,
        "event.outcome": "failure",
        "event.action": "failed",
        "task.name": "shop.mail",
        "queue.name": "mail",
        "error.type": "OSError",
        "error.message": "no space left",
        "labels.tenant": "acme",
    }


@pytest.mark.parametrize("trace", ["", "0" * 32, "zz" * 16, "abc"])
def test_an_id_that_names_no_trace_is_left_out(receiver, trace):
    assert send(made(trace=trace))

    [(_, record, _)] = receiver.logs
    assert record.trace_id == b""


def exemplars(receiver, name):
    """The exemplars of a metric: the ids of the trace and the span, and their attributes."""
    return [
        (each.trace_id.hex(), each.span_id.hex(), each.filtered_attributes)
        for _, _, point in receiver.metrics(name)
        for each in point.exemplars
    ]


def test_exemplars_lead_to_the_span_and_the_record_of_a_run(receiver):
    run = made(trace=TRACE, span=SPAN, wait=1, cpu=1, memory=1)
    send(run)

    for name in ("messaging.process.duration", "slowtask.wait.duration", "slowtask.cpu.time"):
        [(trace, span, attributes)] = exemplars(receiver, name)
        assert (trace, span) == (TRACE, SPAN)
        assert [(each.key, each.value.string_value) for each in attributes] == [("event.id", run.id)]


def test_a_trace_that_is_not_sampled_is_in_the_log_record_and_is_no_exemplar(receiver):
    send(made(trace=TRACE))

    [(_, record, _)] = receiver.logs
    assert record.trace_id.hex() == TRACE
    assert exemplars(receiver, "messaging.process.duration") == []


def began(number=2, **how):
    return made("shop.mail", number=number, start=made().timestamp, **how)


def test_a_killed_run_has_a_span_below_the_one_that_published_it(receiver):
    run = began(queue="mail", system="rq", pid=7, task_id="j", trace=TRACE, span=SPAN, **KILLED)
    send(run, spans="lost")

    [(_, span, attributes)] = receiver.spans
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, SPAN)
    assert (span.name, span.kind, span.status.code) == ("process shop.mail", 5, 2)  # CONSUMER, ERROR
    assert span.start_time_unix_nano == run.start.timestamp() * 1e9
    assert span.end_time_unix_nano == run.timestamp.timestamp() * 1e9
    assert (
        attributes.items()
        >= {
            "messaging.system": "rq",
            "messaging.destination.name": "mail",
            "messaging.message.id": "j",
            "slowtask.task.name": "shop.mail",
            "slowtask.reason": "signal 9",
            "error.type": "killed",
            "event.id": run.id,
        }.items()
    )


def test_a_killed_run_that_has_no_trace_has_a_span_in_one_of_its_own_the_same_each_time(receiver):
    send(began(**KILLED), spans="lost")
    send(began(**KILLED), spans="lost")

    [(_, first, _), (_, again, _)] = receiver.spans
    assert first.parent_span_id == b""
    assert len(first.trace_id) == 16
    assert (first.trace_id, first.span_id) == (again.trace_id, again.span_id)


@pytest.mark.parametrize(
    ("lost", "how"),
    [
        (True, {"outcome": "failure", "action": "stopped"}),
        (True, {"outcome": "failure", "action": "abandoned", "error": "rq.exceptions.AbandonedJobError"}),
        (
            True,
            {"outcome": "failure", "action": "timed-out", "error": "billiard.exceptions.TimeLimitExceeded"},
        ),
        (False, {"outcome": "failure", "action": "timed-out", "error": "rq.timeouts.JobTimeoutException"}),
        (False, {"outcome": "failure", "action": "failed", "error": "ValueError"}),
        (False, {"outcome": "failure", "action": "stopped", "error": "greenlet.GreenletExit"}),
        (False, FINISHED),
        (False, KILLED | {"trace": TRACE}),
    ],
    ids=lambda value: None if isinstance(value, bool) else value["action"],
)
def test_only_a_span_that_was_lost_is_sent(receiver, lost, how):
    send(began(**how), spans="lost")

    assert bool(receiver.spans) == lost


def test_a_run_that_never_began_has_no_span(receiver):
    send(made(took=None, outcome="failure", action="stopped", reason="revoked"), spans="lost")

    assert receiver.spans == []


def test_no_spans_are_sent_unless_they_are_asked_for(receiver):
    send(began(**KILLED))

    assert receiver.spans == []


def test_text_of_a_task_can_not_move_a_cursor(receiver):
    send(made("jobs.\x1b[2J", outcome="failure", message="\x1b[31m", error="E"))

    [(_, record, _)] = receiver.logs
    assert record.body.string_value.isprintable()
    assert only_metric(receiver, "slowtask.attempts")[0]["slowtask.task.name"] == r"jobs.\x1b[2J"


def test_what_is_refused_is_kept_and_sent_by_the_next_call(receiver):
    exporter = Exporter()
    exporter.take(made(number=1))
    receiver.refuse_from = 0
    refused = exporter.flush()
    receiver.refuse_from = None
    exporter.take(made(number=2))

    assert (refused, exporter.close()) == (False, True)
    assert list(receiver.events.values()) == [1, 1]
    assert only_metric(receiver, "slowtask.attempts")[1].as_int == 2


def test_what_is_too_large_for_the_receiver_is_sent_in_smaller_parts(receiver):
    exporter = Exporter()
    for number in range(512):
        exporter.take(made(number=number))
    receiver.refuse_from = 30_000
    tries = 1
    while not exporter.send():
        tries += 1

    assert len(receiver.events) == 512
    assert 1 < tries < 100


@pytest.mark.parametrize(
    ("signal", "left"),
    [("METRICS", {"/v1/logs"}), ("LOGS", {"/v1/metrics"}), ("TRACES", {"/v1/logs", "/v1/metrics"})],
)
def test_a_signal_can_be_left_out_by_the_standard_variable(receiver, monkeypatch, signal, left):
    monkeypatch.setenv(f"OTEL_{signal}_EXPORTER", "none")
    send(made())

    assert {*receiver.requests} == left


def test_delta_metrics_that_were_refused_are_not_lost(receiver, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "delta")
    exporter = Exporter()
    exporter.take(made(number=1))
    receiver.refuse_from = 0
    exporter.flush()
    exporter.take(made(number=2))
    exporter.flush()
    receiver.refuse_from = None
    exporter.close()

    assert sum(point.as_int for _, _, point in receiver.metrics("slowtask.attempts")) == 2


@pytest.mark.parametrize(
    ("variable", "value"),
    [("OTEL_EXPORTER_OTLP_PROTOCOL", "smoke"), ("OTEL_LOGS_EXPORTER", "console")],
)
def test_a_variable_that_can_not_be_used_is_named(receiver, monkeypatch, variable, value):
    monkeypatch.setenv(variable, value)

    with pytest.raises(UsageError, match=variable):
        Exporter()


def test_a_protocol_whose_package_is_missing_says_what_to_install(receiver, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "grpc")
    monkeypatch.setitem(__import__("sys").modules, "opentelemetry.exporter.otlp.proto.grpc", None)

    with pytest.raises(UsageError, match="pip install opentelemetry-exporter-otlp-proto-grpc"):
        Exporter()
