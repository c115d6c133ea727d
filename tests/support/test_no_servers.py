"""What `make test-fast` refuses: a server that is started, or reached, by a test that isn't marked so."""

import socket
import subprocess
import sys

import pytest

from no_servers import refuse

LISTENS = """
import socket
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
input()
"""


def connect(address):
    refuse("socket.connect", (None, address))


@pytest.mark.parametrize(
    "command", [["redis-server"], ["/opt/jdk/bin/java", "-version"], [b"rabbitmq-server"]]
)
def test_a_server_is_not_started(command):
    with pytest.raises(pytest.fail.Exception, match="isn't marked `server` starts"):
        refuse("subprocess.Popen", (command[0], command, None, None))


def test_another_program_is():
    refuse("subprocess.Popen", (sys.executable, [sys.executable, "redis-server"], None, None))


def test_a_server_of_another_process_is_not_reached():
    with subprocess.Popen(
        [sys.executable, "-c", LISTENS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        port = int(other.stdout.readline())
        with pytest.raises(pytest.fail.Exception, match=f"connects to .*{port}"):
            connect(("127.0.0.1", port))
        other.communicate("\n")


def test_a_server_of_the_tests_own_process_is():
    with socket.create_server(("127.0.0.1", 0)) as server:
        connect(server.getsockname())


@pytest.mark.parametrize("address", [("127.0.0.1", 1), "/run/nothing.sock"])
def test_an_address_at_which_nobody_listens_is(address):
    connect(address)
