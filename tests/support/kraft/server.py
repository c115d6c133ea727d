"""A real Kafka for tests: a broker of Maven Central's jars that is its own controller (KRaft).

with Broker(folder, certificates=certify(folder / "certificates")) as broker:
broker.plain, broker.secure  # where it listens; `secure` asks for a certificate
broker.kill()
broker.start()  # with the same data, on the same ports
"""

import os
import signal
import socket
import subprocess
from pathlib import Path

import sharing
from elastic.server import NoElasticsearchError, free_port, java, run
from places import ROOT
from program import Program

HERE = Path(__file__).parent
CACHE = ROOT / ".cache" / "kafka"
VERSION = "4.1.1"  # also in pom.xml
JARS = CACHE / VERSION
CLASSES = JARS / "classes"
CLUSTER = "c2xvd3Rhc2stdGVzdHMtYQ"  # any 16 bytes, in base64
SMALL = ("-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
QUIET = (
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.log.org.apache.kafka.common.network.Selector=info",  # whom it refuses
    "-Dorg.slf4j.simpleLogger.log.org.apache.kafka.coordinator.group=info",  # who has left a group
)
PARTITIONS = 4
#: One node does all; a group forgets a member that has been silent for six seconds, the least Kafka allows.
SETTINGS = f"""
process.roles=broker,controller
node.id=1
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SSL:SSL,CONTROLLER:PLAINTEXT
num.partitions={PARTITIONS}
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
ssl.client.auth=required
ssl.keystore.type=PEM
ssl.truststore.type=PEM
"""


class NoKafkaError(Exception):
    """It can't be had here; says why."""


class Broker(Program):
    """One node with its data in *folder*; a context manager."""

    error = NoKafkaError

    def __init__(self, folder, certificates):
        super().__init__(folder, "kafka.log")
        self._ports = {"plain": free_port(), "secure": free_port(), "controller": free_port()}
        self.certificates = certificates

    @property
    def plain(self):
        """Where anyone may connect, unencrypted."""
        return f"127.0.0.1:{self._ports['plain']}"

    @property
    def secure(self):
        """Where one connects with a certificate."""
        return f"127.0.0.1:{self._ports['secure']}"

    def __enter__(self):
        install()
        path = self.folder / "server.properties"
        path.write_text(SETTINGS + self._places())
        run(*jvm("kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c", path, "--standalone"))
        self.start()
        return self

    def __exit__(self, *_):
        self.stop(signal.SIGKILL)

    def start(self):
        """Start it, also again; returns when it takes connections. Raises `NoKafkaError`."""
        self.run(jvm("kafka.Kafka", self.folder / "server.properties"), self._answers)

    def kill(self):
        """End it as a machine that fails ends it."""
        self.stop(signal.SIGKILL)

    @property
    def losses(self):
        """How often a member of a group was silent for so long that it counted as gone."""
        return self.log.count("has failed, removing it from the group")

    def _answers(self):
        """Whether it listens: it does once it is ready."""
        with socket.socket() as probe:
            return not probe.connect_ex(("127.0.0.1", self._ports["secure"]))

    def _places(self):
        plain, secure, controller = (f"127.0.0.1:{port}" for port in self._ports.values())
        listeners = f"PLAINTEXT://{plain},SSL://{secure}"
        return (
            f"listeners={listeners},CONTROLLER://{controller}\n"
            f"advertised.listeners={listeners}\n"
            f"controller.quorum.bootstrap.servers={controller}\n"
            f"log.dirs={self.folder / 'data'}\n"
            f"ssl.keystore.location={self.certificates / 'kafka.both.pem'}\n"
            f"ssl.truststore.location={self.certificates / 'ca.pem'}\n"
        )


def install():
    """Have Kafka and the consumer in `.cache`. Raises `NoKafkaError`."""
    CACHE.mkdir(parents=True, exist_ok=True)
    try:
        with sharing.locked(CACHE / "lock"):
            if not JARS.exists():
                fetch()
            compile_consumer()
    except NoElasticsearchError as problem:
        raise NoKafkaError(str(problem)) from None


def fetch():
    """Bring the jars of Maven Central, in a folder that gets its name once all are there."""
    part = CACHE / "part"
    copy = ["dependency:copy-dependencies", f"-DoutputDirectory={part}"]
    run("mvn", "-q", "-B", "-f", HERE / "pom.xml", *copy)
    part.rename(JARS)


def compile_consumer():
    """Compile the consumer where it is newer than what was compiled."""
    source, made = HERE / "Consumer.java", CLASSES / "slowtask" / "Consumer.class"
    if not made.exists() or made.stat().st_mtime < source.stat().st_mtime:
        run(java() / "bin" / "javac", "--release", "17", "-cp", f"{JARS}/*", "-d", CLASSES, source)


def jvm(main, *arguments):
    """The command that runs the class *main* with Kafka's jars."""
    path = f"{CLASSES}:{JARS}/*"
    return [str(java() / "bin" / "java"), *SMALL, *QUIET, "-cp", path, main, *map(str, arguments)]


def certify(folder):
    """Certificates in *folder*, by the script that the page names; all are valid for 127.0.0.1."""
    script = ROOT / "docker" / "make-certificates.sh"
    names = ["kafka=127.0.0.1", "logstash=127.0.0.1", "filebeat"]
    subprocess.run(["sh", script, folder, *names], check=True, capture_output=True, env=os.environ)
    return folder
