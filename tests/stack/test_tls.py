"""Filebeat and who takes its lines show each other certificates: the right ones pass, and no others.

Real are Filebeat 7.17, Elastic's server of its protocol (go-lumber, as beats-tls.conf sets Logstash's), and
Kafka. All certificates but the wrong ones are made by the script that the page names.
"""

from datetime import UTC, datetime, timedelta

import pytest
import trustme
from conftest import wait_until

from elastic.server import free_port
from kraft.programs import CACHE, Filebeat
from kraft.server import jvm
from kraft.taker import Taker
from logs import line, made
from stack import images

pytestmark = [pytest.mark.rare, pytest.mark.slow, pytest.mark.xdist_group("kafka")]

LINES = 20
DAY = timedelta(days=1)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
FILES = {"logstash": ["filebeat.yml"], "kafka": ["filebeat.yml", "kafka.yml"]}
#: What is wrong, and what Filebeat says of it: the server's answer, or its own finding.
FAULTS = {
    "no certificate": "remote error: tls: certificate required",
    "another authority": "x509: certificate signed by unknown authority",
    "expired": "remote error: tls: expired certificate",
}
#: What Kafka says, whatever is wrong. Filebeat says of it only that it reaches no broker, with `-d kafka`.
REFUSED = "SSL handshake failed"


@pytest.fixture(scope="module")
def certificates(broker):
    """The right ones, and beside them an expired one of Filebeat's, and another authority."""
    folder = broker.certificates
    ours = trustme.CA.from_pem((folder / "ca.pem").read_bytes(), (folder / "ca.key").read_bytes())
    expired = ours.issue_cert("filebeat", not_before=LONG_AGO, not_after=LONG_AGO + DAY)
    expired.private_key_pem.write_to_path(folder / "expired.key")
    expired.cert_chain_pems[0].write_to_path(folder / "expired.pem")
    trustme.CA().cert_pem.write_to_path(folder / "other.pem")
    return folder


@pytest.fixture(params=["logstash", "kafka"])
def way(request, certificates, broker):
    """Where Filebeat ships to, its variables, and what takes the lines there."""
    if request.param == "logstash":
        address = f"127.0.0.1:{free_port()}"
        files = [certificates / name for name in ("logstash.pem", "logstash.key", "ca.pem")]
        command, where = [images.build_lumber(CACHE), address, *files], {"LOGSTASH_HOSTS": address}
    else:
        topic = f"topic-{free_port()}"
        client = f"bootstrap.servers={broker.plain}", f"group.id={topic}", "auto.offset.reset=earliest"
        command = jvm("slowtask.Consumer", topic, *client, "metadata.max.age.ms=500")
        where = {"KAFKA_HOSTS": broker.secure, "KAFKA_TOPIC": topic, "KAFKA_RETRIES": "1"}
    with Taker(command) as taker:
        yield request.param, where, taker


@pytest.fixture
def log(tmp_path):
    """A folder with a log of LINES lines."""
    text = [line(made(number=number)).decode() for number in range(LINES)]
    (tmp_path / "slowtask.ndjson").write_text("".join(f"{each}\n" for each in text))
    return text


@pytest.fixture
def filebeat(way, certificates, tmp_path, log):
    """A Filebeat that isn't started; it has the settings of the way, and others that a test names."""
    (tmp_path / "filebeat").mkdir()
    programs = []

    def make(authority="ca", certificate="filebeat"):
        name, where, _ = way
        given = {"TLS": "true", "CA": certificates / f"{authority}.pem"}
        if certificate:
            given |= {"CERTIFICATE": certificates / f"{certificate}.pem"}
            given |= {"KEY": certificates / f"{certificate}.key"}
        settings = {f"{name.upper()}_{option}": str(value) for option, value in given.items()}
        folder = {"SLOWTASK_LOG_FOLDER": str(tmp_path)}
        programs.append(Filebeat(tmp_path / "filebeat", FILES[name], **where, **settings, **folder))
        return programs[-1]

    yield make
    for program in programs:
        program.stop()


def faulty(filebeat, fault):
    """A Filebeat with one thing wrong."""
    match fault:
        case "no certificate":
            return filebeat(certificate=None)
        case "another authority":
            return filebeat(authority="other")
    return filebeat(certificate="expired")


def test_with_the_right_certificates_all_lines_arrive(way, filebeat, log):
    _, _, taker = way
    shipper = filebeat()
    shipper.start()
    wait_until(lambda: len(taker.events) >= LINES)
    shipper.stop()

    assert taker.messages == log


@pytest.mark.parametrize("fault", FAULTS)
def test_with_a_wrong_one_none_arrives_the_log_says_why_and_none_is_lost(way, filebeat, log, fault, broker):
    name, _, taker = way
    refused = broker.log.count(REFUSED)
    wrong = faulty(filebeat, fault)
    wrong.start()
    if name == "kafka":
        wait_until(lambda: broker.log.count(REFUSED) > refused)
    else:
        wait_until(lambda: FAULTS[fault] in wrong.log)
    wrong.stop()

    assert taker.events == []
    right = filebeat()
    right.start()
    wait_until(lambda: len(taker.events) >= LINES)
    right.stop()
    assert taker.messages == log
