"""What Kubernetes and ECK would make of the manifests, without a cluster: kustomize, helm, types and schemas.

Kustomize's and Helm's libraries are in one program, main.go, built once in `.cache`. ECK's definitions of its
resources and its chart eck-stack come with its Go module.
"""

import hashlib
import json
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator

import sharing
from places import ROOT

HERE = Path(__file__).parent
CACHE = ROOT / ".cache" / "kubernetes"
SOURCES = ("main.go", "chart.go", "check.go", "go.mod", "go.sum")
ECK = "github.com/elastic/cloud-on-k8s/v3@v3.5.0"
ECK_ROOT = ROOT / "kubernetes" / "eck"
VALUES = ROOT / "kubernetes" / "eck-stack.yaml"


class KubernetesError(Exception):
    """It can't be had here, or it refuses a file; says why."""


def go(*arguments, folder=HERE):
    """What a command of Go prints. Raises `KubernetesError`."""
    program = shutil.which("go")
    if not program:
        raise KubernetesError("go isn't installed (https://go.dev/dl, or apt)")
    environment = os.environ | {"CGO_ENABLED": "0"}
    done = subprocess.run(
        [program, *map(str, arguments)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise KubernetesError(f"go {arguments[0]}: {(done.stderr or done.stdout).strip()[-1500:]}")
    return done.stdout


@cache
def build():
    """The path of the program, built where there is none yet. Raises `KubernetesError`."""
    told = hashlib.sha256(b"".join((HERE / name).read_bytes() for name in SOURCES)).hexdigest()
    program = CACHE / f"kubernetes-{told[:16]}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with sharing.locked(CACHE / "lock"):
        if not program.exists():
            go("build", "-trimpath", "-ldflags=-s -w", "-o", program, ".")
    return program


def run(*arguments, given=""):
    """What the program prints. Raises `KubernetesError`."""
    done = subprocess.run(
        [str(build()), *map(str, arguments)], input=given, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise KubernetesError(done.stderr.strip())
    return done.stdout


@cache
def eck():
    """The folder of ECK's module. Raises `KubernetesError`."""
    return Path(json.loads(go("mod", "download", "-json", ECK, folder=CACHE))["Dir"])


def render(folder):
    """The resources of a folder of kustomize."""
    return [each for each in yaml.safe_load_all(run("render", folder)) if each]


def template(values=VALUES):
    """The resources of the chart eck-stack."""
    return [
        each for each in yaml.safe_load_all(run("template", eck() / "deploy" / "eck-stack", values)) if each
    ]


def check(resources):
    """Raise `KubernetesError` where Kubernetes' own types don't have a field, also in ECK's pod templates."""
    run("check", given=yaml.safe_dump_all(resources))


@cache
def schemas():
    """ECK's schema of each of its kinds, which takes no unknown fields."""
    found = {}
    for each in yaml.safe_load_all((eck() / "config" / "crds" / "v1" / "all-crds.yaml").read_text()):
        for version in each["spec"]["versions"] if each else ():
            schema = strict(version["schema"]["openAPIV3Schema"])
            schema.setdefault("properties", {})["metadata"] = {"type": "object"}  # the API server knows it
            found[f"{each['spec']['group']}/{version['name']}", each["spec"]["names"]["kind"]] = schema
    return found


def strict(schema):
    """*schema* without unknown fields, as the API server prunes them."""
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {
        key: {name: strict(each) for name, each in value.items()} if key == "properties" else strict(value)
        for key, value in schema.items()
    }
    if schema.get("x-kubernetes-int-or-string"):
        schema.pop("type", None)
    if "properties" in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
        schema.setdefault("additionalProperties", False)
    return schema


def faults(resource):
    """What ECK's schema finds wrong with a resource of its kinds, one sentence each."""
    schema = schemas()[resource["apiVersion"], resource["kind"]]
    return [
        f"{'.'.join(map(str, each.path))}: {each.message}"
        for each in Draft202012Validator(schema).iter_errors(resource)
    ]


def values(resources):
    """The values of eck-stack that give the same resources."""
    specs = {each["kind"]: each["spec"] for each in resources if "spec" in each}
    jobs = [each for each in resources if each["kind"] in ("Job", "CronJob")]
    told = {
        "eck-elasticsearch": specs["Elasticsearch"],
        "eck-kibana": specs["Kibana"],
        "eck-logstash": specs["Logstash"]
        | {"extraObjects": [yaml.safe_dump(each, sort_keys=False) for each in jobs]},
        "eck-beats": specs["Beat"],
    }
    named = {"enabled": True, "fullnameOverride": "slowtask"}
    return {name: named | spec for name, spec in told.items()}
