"""A real Elasticsearch for tests, with security and TLS.

`ELASTICSEARCH_URL` (with name and password in it, and `ELASTICSEARCH_CA_FILE` where it needs one) names
another to use instead. One server serves all processes of a test run; each test has a namespace of its own.
"""

import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from base64 import b64encode
from dataclasses import asdict, dataclass
from pathlib import Path
from secrets import token_hex
from ssl import create_default_context
from urllib.parse import urlsplit

import sharing
from elastic.distribution import HOME, VERSION, NoElasticsearchError, install, java, run

NAMES = ("elasticsearch", "elasticsearch-setup", "elasticsearch-oldest")  # those of a test run
USER = "slowtask-tests"  # it refuses to run as root
PATIENCE = 300.0  # seconds until it answers


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """Where a running Elasticsearch is, and how to log in as one who may do everything."""

    url: str
    password: str
    username: str = "elastic"
    ca: str | None = None  # a file
    pid: int = 0  # 0: not ours to stop
    folder: str = ""

    def request(self, method, path, body=None):
        """The answer to one request, without the client library. Raises `urllib.error.HTTPError`."""
        token = b64encode(f"{self.username}:{self.password}".encode()).decode()
        request = urllib.request.Request(self.url + path, method=method)
        request.add_header("Authorization", f"Basic {token}")
        request.add_header("Content-Type", "application/json")
        data = None if body is None else json.dumps(body).encode()
        context = create_default_context(cafile=self.ca) if self.ca else None
        with urllib.request.urlopen(request, data, timeout=60, context=context) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def stop(self):
        """End it, and leave nothing."""
        if self.pid:
            os.kill(self.pid, signal.SIGTERM)
            end = time.monotonic() + 20
            while Path(f"/proc/{self.pid}").exists() and time.monotonic() < end:
                time.sleep(0.1)
            shutil.rmtree(Path(self.folder).parent, ignore_errors=True)


def start(folder, *, version=VERSION, tls=True, heap="1g", **settings):
    """Start one in *folder*, which is new in a folder of its own; returns when it answers.

    Raises `NoElasticsearchError`.
    """
    home = install(version)
    folder.mkdir(parents=True)
    port, password = free_port(), token_hex(16)
    configure(folder, port, password, settings, tls=tls, home=home)
    process = spawn(folder, heap, home)
    scheme = "https" if tls else "http"
    cluster = Cluster(
        url=f"{scheme}://127.0.0.1:{port}",
        password=password,
        ca=str(folder / "config" / "ca.pem") if tls else None,
        pid=process.pid,
        folder=str(folder),
    )
    wait(cluster, process, folder)
    return cluster


def configure(folder, port, password, settings, *, tls, home=HOME):
    """Write its configuration."""
    shutil.copytree(home / "config", folder / "config")
    name_logs(folder)
    lines = {
        "cluster.name": "slowtask-tests",
        "discovery.type": "single-node",
        "network.host": "127.0.0.1",
        "http.port": port,
        "transport.port": free_port(),
        "path.data": folder / "data",
        "path.logs": folder / "logs",
        "xpack.security.enabled": "true",
        "xpack.security.http.ssl.enabled": str(tls).lower(),
        "cluster.routing.allocation.disk.threshold_enabled": "false",
    } | settings
    if tls:
        certify(folder / "config")
        lines |= {
            "xpack.security.http.ssl.certificate": "server.pem",
            "xpack.security.http.ssl.key": "server.key",
        }
    text = "".join(f"{name}: {value}\n" for name, value in lines.items())
    (folder / "config" / "elasticsearch.yml").write_text(text)
    if password:
        keystore(folder, password, home)


def name_logs(folder):
    """Let Java write into *folder*: Elasticsearch 8 would look for `logs` beside its program."""
    (folder / "logs").mkdir()
    options = folder / "config" / "jvm.options"
    options.write_text(options.read_text().replace("=logs/", f"={folder}/logs/"))


def certify(folder):
    """A certificate for loopback, signed by an authority of its own."""
    import trustme

    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1", "localhost")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    certificate.private_key_pem.write_to_path(folder / "server.key")
    for place, blob in enumerate(certificate.cert_chain_pems):
        blob.write_to_path(folder / "server.pem", append=place > 0)


def keystore(folder, password, home):
    """Keep the password of `elastic` where Elasticsearch looks for it."""
    environment = os.environ | {"ES_PATH_CONF": str(folder / "config"), "ES_JAVA_HOME": str(java())}
    tool = str(home / "bin" / "elasticsearch-keystore")
    subprocess.run([tool, "create", "-s"], env=environment, check=True, capture_output=True)
    subprocess.run(
        [tool, "add", "-x", "-s", "bootstrap.password"], env=environment, check=True, input=password.encode()
    )


def spawn(folder, heap, home=HOME):
    """Start the process, as another user where we are root."""
    environment = os.environ | {
        "ES_PATH_CONF": str(folder / "config"),
        "ES_JAVA_HOME": str(java()),
        "ES_JAVA_OPTS": f"-Xms{heap} -Xmx{heap}",
        "ES_TMPDIR": str(folder / "tmp"),
    }
    (folder / "tmp").mkdir(exist_ok=True)
    identity = {}
    if os.geteuid() == 0:
        account = unprivileged()
        identity = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        own(folder, account, home)
    with (folder / "console").open("wb") as output:
        return subprocess.Popen(
            [str(home / "bin" / "elasticsearch")],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            **identity,
        )


def unprivileged():
    """The account that it runs as, made where there is none."""
    try:
        return pwd.getpwnam(USER)
    except KeyError:
        run("useradd", "--system", "--no-create-home", USER)
        return pwd.getpwnam(USER)


def own(folder, account, home):
    """Give *account* the folder, and a way to it and to the program."""
    for each in (folder, *folder.rglob("*")):
        os.chown(each, account.pw_uid, account.pw_gid)
    for place in (folder, home):
        for each in place.parents:
            if not each.stat().st_mode & 0o001:
                each.chmod(each.stat().st_mode | 0o011)
    for each in (home / "plugins", home / "lib", home / "modules"):
        run("chmod", "-R", "a+rX", each)


def wait(cluster, process, folder):
    """Return when it can be used. Raises `NoElasticsearchError`."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        try:
            cluster.request("GET", "/_cluster/health?wait_for_status=yellow&timeout=30s")
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
        else:
            return
    process.kill()
    said = (folder / "console").read_text(errors="replace")[-1500:]
    raise NoElasticsearchError(f"Elasticsearch didn't start: {said}")


def free_port():
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def named():
    """The one that `ELASTICSEARCH_URL` names, if it is set."""
    parts = urlsplit(os.environ.get("ELASTICSEARCH_URL", ""))
    if not parts.hostname:
        return None
    return Cluster(
        url=f"{parts.scheme}://{parts.hostname}:{parts.port or 9200}",
        username=parts.username or "elastic",
        password=parts.password or "",
        ca=os.environ.get("ELASTICSEARCH_CA_FILE"),
    )


def shared(folder, name="elasticsearch", **options):
    """The one of this test run called *name*; the first process that asks starts it. All know *folder*."""
    if found := named():
        return found
    return started(folder, name, **options)


def started(folder, name, **options):
    """The one called *name*, whatever `ELASTICSEARCH_URL` is. It has the *options* of `start`."""
    told = sharing.shared(folder, name, lambda: asdict(start(new_folder() / "node", **options)))
    return Cluster(**told)


def new_folder():
    """A folder that processes of other users can reach, too."""
    return Path(tempfile.mkdtemp(prefix="slowtask-elasticsearch-"))


def stop_shared(folder):
    """End those of this test run that were started."""
    for name in NAMES:
        if told := sharing.taken(folder, name):
            Cluster(**told).stop()
