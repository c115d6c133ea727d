"""A real RabbitMQ for tests: one node for a whole test run, in which each test has a virtual host of its own.

`AMQP_URL` and `RABBITMQ_MANAGEMENT_URL` name another to use instead, by one who may do everything there.
"""

import os
import shutil
import signal
import tempfile
from contextlib import suppress
from pathlib import Path

import sharing
from slowtask.demo.rabbitmq.admin import RabbitMQAdmin
from slowtask.demo.rabbitmq.server import RabbitMQ

#: Figures that the management API would show only after five seconds.
CONF = {"collect_statistics_interval": "500"}


def shared(folder):
    """The one of this test run, whose processes all know *folder*. Raises `BrokerError`."""
    if url := os.environ.get("AMQP_URL"):
        return RabbitMQAdmin(url, os.environ.get("RABBITMQ_MANAGEMENT_URL", "http://127.0.0.1:15672"))
    told = sharing.shared(folder, "rabbitmq", started)
    return RabbitMQAdmin(told["url"], told["management"])


def started():
    """What is to be known of a new node."""
    folder = tempfile.mkdtemp(prefix="slowtask-rabbitmq-")
    node = RabbitMQ(Path(folder), conf=CONF)
    node.start()
    pids = [node.pid, node.epmd_pid]
    return {"url": node.url, "management": node.management, "pids": pids, "folder": folder}


def stop_shared(folder):
    """End the one of this test run, if it was started: nothing of it is worth an orderly end."""
    if told := sharing.taken(folder, "rabbitmq"):
        for pid in told["pids"]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        shutil.rmtree(told["folder"], ignore_errors=True)
