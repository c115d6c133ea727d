"""The images that the stack runs: the real ones where they can be had, else stand-ins built of packages.

`images/README.md` says what is real in each. A stand-in gets the name that docker-compose.yml asks for.
"""

import json
import os
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from elastic import server as elasticsearch
from pipeline import logstash
from places import ROOT, TESTS
from stack import debian
from stack.engine import DockerError, docker

HERE = Path(__file__).parent
SLOWTASK = ROOT / "app" / "slowtask"
SUPPORT = TESTS / "support"
LABEL = "slowtask.stand-in"
BASE = "slowtask-stand-in/base"
BEATS = "github.com/elastic/beats/v7"
BEATS_VERSION = "v7.17.29"  # the newest that builds from its Go module
#: The stand-ins, each after what it is made from. The name of an image contains that of its stand-in.
STAND_INS = ("python", "redis", "rabbitmq", "elasticsearch", "kibana", "logstash", "filebeat")


def have(names, cache):
    """Have the images of *names*; one sentence that says which are real. *cache* keeps what was built."""
    wanting = [name for name in names if not is_real(name) and not pulled(name)]
    if wanting:
        build(wanting, cache)
    stand_ins = [name for name in names if not is_real(name)]
    real = [name for name in names if name not in stand_ins]
    return f"Images: real: {', '.join(real) or 'none'}; stand-ins: {', '.join(stand_ins) or 'none'}."


def is_real(name):
    """Whether the engine has an image of this name that wasn't built here."""
    try:
        labels = json.loads(docker("image", "inspect", "--format", "{{json .Config.Labels}}", name))
    except DockerError:
        return False
    return LABEL not in (labels or {})


def pulled(name):
    """Whether it could be pulled."""
    pull = ["docker", "pull", "--quiet", name]
    return not subprocess.run(pull, capture_output=True, check=False).returncode


def build(names, cache):
    """Build the stand-ins of *names*, Filebeat's program meanwhile."""
    needed = {folder: name for folder in STAND_INS for name in names if folder in name}
    with ThreadPoolExecutor(1) as pool:
        filebeat = pool.submit(build_filebeat, cache) if "filebeat" in needed else None
        build_base(cache)
        for folder in STAND_INS:
            if folder == "python" or folder in needed:
                files = {"filebeat": filebeat.result()} if folder == "filebeat" else beside(folder, cache)
                stand_in(folder, needed.get(folder), files)


def beside(folder, cache):
    """What the build of a stand-in needs beside its Dockerfile: a source for each name."""
    match folder:
        case "elasticsearch":
            elasticsearch.install()
            return {"elasticsearch": elasticsearch.HOME}
        case "kibana":
            return {
                "python/slowtask": ROOT / "app" / "slowtask",
                "python/panels": TESTS / "support" / "panels",
            }
        case "logstash":
            logstash.install()
            programs = {"jruby-complete.jar": logstash.JAR, "lumber": build_lumber(cache)}
            modules = {"slowtask": SLOWTASK, "pipeline": SUPPORT / "pipeline"}
            return programs | {f"python/{name}": folder for name, folder in modules.items()}
    return {}


def stand_in(folder, name, files):
    """Build the stand-in of *folder*, also under *name*; it has *files* beside its Dockerfile."""
    with tempfile.TemporaryDirectory() as place:
        context = Path(place) / "context"
        shutil.copytree(HERE / "images" / folder, context)
        for target, source in files.items():
            (context / target).parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if source.is_dir() else shutil.copy)(source, context / target)
        tags = [tag for tag in (f"slowtask-stand-in/{folder}", name) if tag]
        docker("build", "--quiet", "--label", f"{LABEL}=yes", *[f"--tag={tag}" for tag in tags], context)


def build_base(cache):
    """Debian 13, with the authorities that this machine trusts; once, since all others are built on it."""
    if docker("image", "ls", "--quiet", BASE):
        return
    root = debian.root(cache / "debian")
    with subprocess.Popen(["tar", "-C", root, "-c", "."], stdout=subprocess.PIPE) as archive:
        load = ["docker", "import", "-", BASE]
        subprocess.run(load, stdin=archive.stdout, stdout=subprocess.DEVNULL, check=True)


def build_filebeat(cache):
    """The path of a Filebeat, built from its Go module: with that module's own replacements it builds."""
    binary = cache / f"filebeat-{BEATS_VERSION}"
    if not binary.exists():
        module = cache / "filebeat"
        module.mkdir(parents=True, exist_ok=True)
        told = go("mod", "download", "-json", f"{BEATS}@{BEATS_VERSION}", folder=module)
        source = Path(json.loads(told)["Dir"])
        text = (source / "go.mod").read_text()
        (module / "go.mod").write_text(text.replace(f"module {BEATS}", "module slowtask/filebeat", 1))
        (module / "go.sum").write_text((source / "go.sum").read_text())
        shutil.copyfile(HERE / "images" / "filebeat" / "main.go", module / "main.go")
        go("mod", "edit", "-require", f"{BEATS}@{BEATS_VERSION}", folder=module)
        go("build", "-mod=mod", "-trimpath", "-ldflags=-s -w", "-o", binary, ".", folder=module)
    return binary


def build_lumber(cache):
    """The path of the server that takes what Filebeat ships."""
    binary = cache / "lumber"
    go("build", "-trimpath", "-o", binary, ".", folder=HERE / "lumber")
    return binary


def go(*arguments, folder):
    """What `go` prints in *folder*; its programs need no library of the machine."""
    done = subprocess.run(
        ["go", *map(str, arguments)],
        cwd=folder, env=os.environ | {"CGO_ENABLED": "0"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"go {' '.join(map(str, arguments))}: {done.stderr.strip()[-3000:]}")
    return done.stdout


def forget(names):
    """Take the stand-ins' names away from an engine that isn't ours."""
    for name in names:
        if not is_real(name):
            subprocess.run(["docker", "image", "rm", name], capture_output=True, check=False)
