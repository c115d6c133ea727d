"""A real RabbitMQ for tests: one node for a whole test run, in which each test has a virtual host of its own.

`AMQP_URL` and `RABBITMQ_MANAGEMENT_URL` name another one to use instead; its user must be an administrator.
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

#: The management API shows new figures after half a second instead of five.
CONF = {"collect_statistics_interval": "500"}


def shared_node(folder):
    """Return the node of this test run, whose processes share *folder*. Raises `BrokerError`."""
    if url := os.environ.get("AMQP_URL"):
        return RabbitMQAdmin(url, os.environ.get("RABBITMQ_MANAGEMENT_URL", "http://127.0.0.1:15672"))
    node = sharing.shared(folder, "rabbitmq", start_node)
    return RabbitMQAdmin(node["url"], node["management"])


def start_node():
    """Start a node, and return its addresses, its processes and its folder."""
    folder = tempfile.mkdtemp(prefix="slowtask-rabbitmq-")
    node = RabbitMQ(Path(folder), conf=CONF)
    node.start()
    pids = [node.pid, node.epmd_pid]
    return {"url": node.url, "management": node.management, "pids": pids, "folder": folder}


def stop_shared(folder):
    """Kill the node of this test run, if it was started, and delete its folder."""
    if node := sharing.taken(folder, "rabbitmq"):
        for pid in node["pids"]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        shutil.rmtree(node["folder"], ignore_errors=True)
