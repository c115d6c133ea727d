"""A RabbitMQ of our own starts on loopback, alone, and leaves nothing behind."""

from contextlib import suppress
from pathlib import Path

import kombu
import pytest
from conftest import PATIENCE, missing

from slowtask.demo.rabbitmq import server as module
from slowtask.demo.rabbitmq.server import RabbitMQ
from slowtask.errors import BrokerError


def sent(url, text):
    """Have *text* go through the RabbitMQ at *url*."""
    with kombu.Connection(url) as connection, connection.SimpleQueue("there") as queue:
        queue.put(text)
        return queue.get(timeout=PATIENCE).payload


def listening(pid):
    """The addresses at which the process *pid* takes connections, as Linux writes them: hexadecimal."""
    sockets = set()
    for each in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # it may be closed meanwhile
            sockets.add(str(each.readlink()))
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {row[1].split(":")[0] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in sockets}


def test_each_test_has_a_virtual_host_of_its_own(vhost):
    assert sent(vhost, "hello") == "hello"


@pytest.mark.server
def test_one_of_our_own_listens_on_loopback_only_and_ends_when_told(tmp_path):
    try:
        with RabbitMQ(tmp_path, plugins=()) as server:
            pids = [server.pid, server.epmd_pid]
            took, heard = sent(server.url, "hello"), {each for pid in pids for each in listening(pid)}
    except BrokerError as problem:
        missing(str(problem))

    assert took == "hello"
    assert heard == {"0100007F"}
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_where_there_is_none_that_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "DEBIAN_PROGRAMS", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(BrokerError, match="there is no rabbitmq-server on PATH: install RabbitMQ"):
        RabbitMQ(tmp_path).start()
