"""What stands around a Kafka of tests: the real Filebeat, and what reads as Logstash does."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from contextlib import contextmanager

from stack import images

from kraft.server import jvm
from places import ROOT, TESTS
from program import Program

CACHE = ROOT / ".cache" / "stack"
PATIENCE = 60.0  #: seconds until a topic has what it should have


class Filebeat(Program):
    """The real one, with the project's files *names*; *settings* are its variables."""

    def __init__(self, folder, names, **settings):
        super().__init__(folder, "filebeat.log")
        self._names, self._settings = names, settings

    def start(self):
        """Start it; returns when its inputs run."""
        self.run(
            self.command(),
            lambda: "Loading and starting Inputs completed" in self.log,
            cwd=self.folder,
            env=os.environ | self._settings,
        )

    def command(self):
        """The command that runs it."""
        files = [option for name in self._names for option in ("-c", str(ROOT / "filebeat" / name))]
        places = ["--path.home", str(self.folder), "--path.data", str(self.folder / "data")]
        binary = str(images.build_filebeat(CACHE))
        return [binary, *files, *places, "--strict.perms=false", "-e"]


class Indexer(Program):
    """A member of the group that reads a topic; *settings* are its variables."""

    def __init__(self, folder, member, **settings):
        super().__init__(folder, f"{member}.log")
        self._settings = settings | {"KAFKA_MEMBER": member}

    def start(self):
        """Start it; returns when it reads."""
        self.run(
            [sys.executable, "-m", "kraft.indexer"],
            lambda: "It reads." in self.log,
            start_new_session=True,
            cwd=self.folder,
            env=os.environ | self._settings | {"PYTHONPATH": f"{TESTS / 'support'}"},
        )

    def kill(self):
        """End all its processes at once."""
        if self._process:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    @contextmanager
    def frozen(self):
        """Let none of its processes run meanwhile."""
        os.killpg(self._process.pid, signal.SIGSTOP)
        yield
        os.killpg(self._process.pid, signal.SIGCONT)

    @property
    def partitions(self):
        """Those that its last batches were of."""
        told = [each.partition(" of ")[2] for each in self.log.splitlines() if each.startswith("stored ")]
        return {number for each in told[-5:] for number in json.loads(each)}


def offsets_by_file(hosts, topic, lines):
    """Where the lines of each file stand in it, in the order of *topic*, once that has so many *lines*."""
    settings = {"bootstrap.servers": hosts, "group.id": "order", "auto.offset.reset": "earliest"}
    client = [f"{name}={value}" for name, value in settings.items()]
    found, end = defaultdict(list), time.monotonic() + PATIENCE
    with subprocess.Popen(jvm("slowtask.Consumer", topic, *client), stdin=-1, stdout=-1) as consumer:
        for batch in consumer.stdout:
            for event in json.loads(batch):
                found[event["@metadata"]["kafka"]["key"]].append(event["log"]["offset"])
            if sum(map(len, found.values())) >= lines or time.monotonic() > end:
                break
            consumer.stdin.write(b"read\n")
            consumer.stdin.flush()
        consumer.kill()
    return dict(found)
