"""The tasks of a shop; some of them go wrong in their own way."""

import os
import resource
import signal
import socket
import time


def mail(seconds=0.05):
    time.sleep(seconds)


def export(seconds):
    time.sleep(seconds)


def tick():
    pass


def loop():
    os.nice(19)  # it hogs a worker, not the machine of the tests
    while True:
        pass


def blocked():
    """Wait for an answer that never comes."""
    ours, _theirs = socket.socketpair()
    ours.recv(1)


def price():
    """Take as long as the release does."""
    time.sleep(float(os.environ.get("PRICE_SECONDS", "0.1")))


def invoice():
    if os.environ.get("SLOWTASK_SERVICE_VERSION") == "2.0":
        raise LookupError("no template: invoice.html")


def big(size):
    """Return what nobody will fetch."""
    return os.urandom(size)


def text(size):
    """The same, as JSON can have it."""
    return os.urandom(size // 2).hex()


def poison():
    os.kill(os.getpid(), signal.SIGKILL)


def render(megabytes, seconds):
    """Hold so much memory for so long."""
    kept = bytearray(megabytes << 20)
    time.sleep(seconds)
    return len(kept)


def crop(megabytes):
    """Ask for more memory than there is."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, hard))
    bytearray(2 * megabytes << 20)


TASKS = (mail, export, tick, loop, blocked, price, invoice, big, text, poison, render, crop)
