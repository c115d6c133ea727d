"""A Celery app with slowtask's hooks and OpenTelemetry's instrumentation, in worker and publisher."""

import os
import signal
import time

from celery import Celery
from celery.signals import worker_process_init
from opentelemetry import trace
from opentelemetry.instrumentation.celery import CeleryInstrumentor
from opentelemetry.sdk.trace import TracerProvider

from slowtask.celery import install

app = Celery("shop", broker=os.environ["CELERY_BROKER_URL"])
app.conf.task_acks_late = False
install(app)


@worker_process_init.connect(weak=False)
def instrument(**_):
    """As the instrumentation's page says."""
    trace.set_tracer_provider(TracerProvider())
    CeleryInstrumentor().instrument()


@app.task
def work():
    """Ends well."""


@app.task
def die():
    """Dies as a process out of memory does."""
    os.kill(os.getpid(), signal.SIGKILL)


@app.task(time_limit=1)
def hang():
    """Is ended by its hard time limit."""
    time.sleep(600)
