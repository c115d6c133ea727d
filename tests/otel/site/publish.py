"""Publishes work with the real instrumentation that is named, and prints the trace and the span of it.

python publish.py celery TASK…
python publish.py rq opentelemetry | sentry
"""

import os
import sys

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

finished = InMemorySpanExporter()


def trace_here():
    """Keep the spans of this process."""
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(finished))
    trace.set_tracer_provider(provider)


def print_publishing():
    """Print the ids of the span that published last."""
    context = next(
        each for each in finished.get_finished_spans()[::-1] if each.kind.name == "PRODUCER"
    ).context
    print(f"{context.trace_id:032x} {context.span_id:016x}")


def publish_tasks(kind, *names):
    """Publish tasks of Celery, each in a span of its own."""
    import shop

    if kind == "sentry":
        publish_with_sentry(shop.die.delay)
        return
    from opentelemetry.instrumentation.celery import CeleryInstrumentor

    trace_here()
    CeleryInstrumentor().instrument()
    for name in names:
        with trace.get_tracer("shop").start_as_current_span("request"):
            getattr(shop, name).delay()
        print_publishing()


def publish_job(kind):
    """Publish a job of RQ."""
    from redis import Redis
    from rq import Queue

    queue = Queue(connection=Redis.from_url(os.environ["RQ_REDIS_URL"]))
    if kind == "sentry":
        publish_with_sentry(lambda: queue.enqueue("jobs.die"))
    else:
        publish_as_documented(queue)


def publish_with_sentry(publish):
    """Call *publish* in a transaction of Sentry, whose integrations are on by default."""
    import sentry_sdk

    sentry_sdk.init(transport=lambda _: None, traces_sample_rate=1.0)
    with sentry_sdk.start_transaction(name="request") as span:
        publish()
        print(span.trace_id, span.span_id)


def publish_as_documented(queue):
    """Publish a job in a span of OpenTelemetry."""
    from opentelemetry.propagate import inject

    trace_here()
    with trace.get_tracer("shop").start_as_current_span("request", kind=trace.SpanKind.PRODUCER):
        meta = {}
        inject(meta)
        queue.enqueue("jobs.die", meta=meta)
    print_publishing()


if __name__ == "__main__":
    framework, *others = sys.argv[1:]
    if framework == "celery":
        publish_tasks(*others)
    else:
        publish_job(*others)
