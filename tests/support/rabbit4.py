"""A RabbitMQ 4 of Debian 13 in a root of its own, beside the one of the machine."""

import os
import shutil
from contextlib import contextmanager
from pathlib import Path

from stack import debian

from places import ROOT
from slowtask.demo.rabbitmq.server import RabbitMQ
from slowtask.errors import BrokerError

SYSTEM = ROOT / ".cache" / "rabbitmq4"
#: Starts a program in the root at $0, where RabbitMQ reads its memory from /proc.
ENTER = 'mount --bind /proc "$0/proc" && exec chroot "$0" "$@"'
NO_START = "#!/bin/sh\nexit 101\n"  #: apt must start no node


class RabbitMQ4(RabbitMQ):
    """A temporary node of RabbitMQ 4; *folder* is the same inside the root and outside."""

    def _spawn(self, command, output, environment):
        enter = ["unshare", "--mount", "sh", "-c", ENTER, str(SYSTEM)]
        return super()._spawn([*enter, *command], output, environment)


@contextmanager
def start_node(folder, **options):
    """Start a node with its files in *folder*, which isn't there yet. Raises `BrokerError`."""
    require_root()
    inner = SYSTEM / Path(folder).relative_to("/")
    inner.mkdir(parents=True)
    folder.symlink_to(inner)
    try:
        with RabbitMQ4(folder, **options) as node:
            yield node
    finally:
        folder.unlink()
        shutil.rmtree(inner, ignore_errors=True)


def require_root():
    """Make the root where there is none. Raises `BrokerError` if that isn't possible here."""
    install("rabbitmq-server", "usr/lib/rabbitmq")


def install(package, path):
    """Install *package*, which brings *path*, in the root. Raises `BrokerError` where that isn't possible."""
    if os.geteuid() or not all(map(shutil.which, ("debootstrap", "unshare", "chroot"))):
        raise BrokerError(f"{package} of Debian 13 needs root, debootstrap, unshare and chroot")
    try:
        debian.root(SYSTEM)
        if not (SYSTEM / path).exists():
            policy = SYSTEM / "usr" / "sbin" / "policy-rc.d"
            policy.write_text(NO_START)
            policy.chmod(0o755)
            command = ["apt-get", "install", "--yes", "-qq", "--no-install-recommends", package]
            debian.run("chroot", SYSTEM, "env", "DEBIAN_FRONTEND=noninteractive", *command)
    except (RuntimeError, OSError) as problem:
        raise BrokerError(f"{package} of Debian 13 can't be installed: {problem}") from None
