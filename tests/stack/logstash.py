"""The filter in a real Logstash: the golden logs go in, their events are held against `slowtask parse`'s.

`make test-logstash`. It needs Docker, runs the image that the stack runs, and takes about two minutes.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from pipeline.compare import apart, differences, golden
from pipeline.logstash import shipped
from places import GOLDEN, ROOT

LOGSTASH = ROOT / "logstash"
HOME = "/usr/share/logstash"
LOGS = sorted((GOLDEN).glob("*.log"))
DAY = "2026-11-23"  #: on which the workers of the golden logs ran
PATIENCE = 600  #: seconds for a Logstash to start, work and end

#: Events as the beats input gives them go in; each case's go out to a file of its own.
ENDS = """
input { stdin { id => "test_in" codec => json_lines } }
output { file { id => "test_out" path => "/out/%{[@metadata][case]}.ndjson" codec => json_lines } }
"""
#: What the settings of the stack's pipeline name; no password, nothing is connected.
VARIABLES = {
    "SLOWTASK_DATE": DAY,
    "SLOWTASK_PATTERNS": f"{HOME}/patterns",
    "SLOWTASK_RUBY": f"{HOME}/ruby",
    "ELASTICSEARCH_HOSTS": "http://127.0.0.1:9200",
    "SLOWTASK_LOGSTASH_PASSWORD": "unused",
}


class Failure(Exception):  # noqa: N818 - a finding, not an error
    """What isn't so, or why it can't be found out."""


def image():
    """The image that the stack runs."""
    version = re.search(r"^ELASTIC_VERSION=(.+)$", (ROOT / ".env.example").read_text(), re.MULTILINE)[1]
    return f"docker.elastic.co/logstash/logstash:{version}"


def require():
    """Raise `Failure` where there is no Docker to run it."""
    if shutil.which("docker") is None:
        raise Failure("it needs Docker: install it, or see docs/logstash.md for what is tested without.")
    if subprocess.run(["docker", "info"], capture_output=True, check=False).returncode:
        raise Failure("Docker isn't running, or you may not use it: start it, or see docker info.")


def logstash(*options, folders, text=""):
    """Run Logstash with *options* on *text*; *folders* are mounted in it, all but /out read-only."""
    mounted = {LOGSTASH / "config" / "logstash.yml": f"{HOME}/config/logstash.yml"} | folders
    command = ["docker", "run", "--rm", "--interactive", "--network", "none"]
    for source, target in mounted.items():
        command += ["--volume", f"{source}:{target}:{'z' if target == '/out' else 'ro,z'}"]
    for name, value in VARIABLES.items():
        command += ["--env", f"{name}={value}"]
    done = subprocess.run(
        [*command, image(), *options],
        input=text,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    if done.returncode:
        raise Failure(f"Logstash ended with status {done.returncode}:\n{done.stdout[-6000:]}")


def check_configuration():
    """Have Logstash check the pipelines of the stack: syntax, plugins and their options."""
    folders = {LOGSTASH / name: f"{HOME}/{name}" for name in ("pipeline", "patterns", "ruby")}
    folders[LOGSTASH / "config" / "pipelines.yml"] = f"{HOME}/config/pipelines.yml"
    logstash("--config.test_and_exit", folders=folders)


def cases():
    """Each log, its lines joined to events and one by one: a name, the log, whether joined."""
    return [(f"{log.stem}.{how}", log, how == "joined") for log in LOGS for how in ("joined", "apart")]


def lines(name, log, *, joined):
    """The events that Filebeat makes of *log*, as JSON lines; each case is a file of its own."""
    for event in shipped(log, joined=joined):
        event["log"]["file"]["path"] += f".{name}"
        event["@metadata"] = {"case": name}
        yield json.dumps(event) + "\n"


def filtered(folder):
    """The events that Logstash makes of each case, by its name."""
    pipeline, out = folder / "pipeline", folder / "out"
    pipeline.mkdir()
    out.mkdir()
    for name in ("fast.conf", "filter.conf"):
        shutil.copy(LOGSTASH / "pipeline" / name, pipeline)
    (pipeline / "ends.conf").write_text(ENDS)
    for each in (folder, pipeline, *pipeline.iterdir()):
        each.chmod(0o755 if each.is_dir() else 0o644)
    out.chmod(0o777)  # Logstash's user in the container is another
    text = "".join(line for name, log, joined in cases() for line in lines(name, log, joined=joined))
    folders = {pipeline: "/slowtask", out: "/out"}
    folders |= {LOGSTASH / name: f"{HOME}/{name}" for name in ("patterns", "ruby")}
    options = ("--path.config", "/slowtask/*.conf", "--pipeline.workers", "1", "--pipeline.ordered", "true")
    logstash(*options, folders=folders, text=text)
    return {path.stem: [*map(json.loads, path.read_text().splitlines())] for path in out.iterdir()}


def compare(found):
    """Print each case and what differs in it; how many cases differ."""
    wrong = 0
    for name, log, joined in cases():
        expected, got = golden(log), found.get(name, [])
        wanting = differences(expected, got) if joined else differences(apart(expected), apart(got))
        print(f"{name:<32} {len(got):>3} events" + ("" if wanting else ", as slowtask parse"))
        print("".join(f"  {sentence}\n" for sentence in wanting), end="")
        wrong += bool(wanting)
    return wrong


def main():
    require()
    check_configuration()
    print(f"{image()} takes the stack's pipelines")
    with tempfile.TemporaryDirectory() as folder:
        return 1 if compare(filtered(Path(folder))) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failure as failure:
        sys.exit(f"make: test-logstash: {failure}")
