"""Elastic's own distribution for integration tests, from Maven Central, with a plugin for what it lacks."""

import os
import shutil
import subprocess
from pathlib import Path

import sharing
from places import ROOT

HERE = Path(__file__).parent
VERSION = "9.5.3"  # also in .env.example; tests/stack/test_compose.py holds them together
OLDEST = "8.19.0"  # that slowtask supports
CACHE = ROOT / ".cache" / "elasticsearch"
HOME = CACHE / f"elasticsearch-{VERSION}"
ARTIFACT = "org.elasticsearch.distribution.integ-test-zip:elasticsearch:{version}:zip"
DESCRIPTOR = """description=What the build for integration tests leaves out
version=1
name=missing
classname=slowtask.MissingPlugin
java.version=21
elasticsearch.version={version}
"""
OLDEST_JAVA = 21


class NoElasticsearchError(Exception):
    """It can't be had here; says why."""


def install(version=VERSION):
    """Have the distribution in `.cache`, with the plugin; its folder. Raises `NoElasticsearchError`."""
    home = CACHE / f"elasticsearch-{version}"
    if not (home / "plugins" / "missing" / "missing.jar").exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with sharing.locked(CACHE / "lock"):
            if not (home / "bin").exists():
                fetch(version, home)
            build_plugin(version, home)
    return home


def fetch(version, home):
    """Bring the distribution from Maven Central."""
    artifact = ARTIFACT.format(version=version)
    copy = ["dependency:copy", f"-Dartifact={artifact}", f"-DoutputDirectory={CACHE}"]
    run("mvn", "-q", "-B", *copy, "-Dmdep.useBaseVersion=true", "-Dtransitive=false")
    [archive] = CACHE.glob(f"elasticsearch-{version}*.zip")
    shutil.unpack_archive(archive, CACHE)
    for program in (home / "bin").iterdir():
        program.chmod(0o755)
    archive.unlink()


def build_plugin(version, home):
    """Compile what the distribution lacks."""
    classes, plugin = CACHE / f"classes-{version}", home / "plugins" / "missing"
    plugin.mkdir(exist_ok=True)
    sources = HERE / "MissingPlugin.java", HERE / f"Handlers{version.partition('.')[0]}.java"
    run(java() / "bin" / "javac", "--release", "21", "-cp", f"{home}/lib/*", "-d", classes, *sources)
    (plugin / "plugin-descriptor.properties").write_text(DESCRIPTOR.format(version=version))
    run(java() / "bin" / "jar", "--create", "--file", plugin / "missing.jar", "-C", classes, ".")


def java():
    """The home of a JDK that is new enough. Raises `NoElasticsearchError`."""
    homes = [
        os.environ.get("ES_JAVA_HOME"),
        os.environ.get("JAVA_HOME"),
        *sorted(Path("/usr/lib/jvm").glob("*")),
    ]
    for home in map(Path, filter(None, homes)):
        release = home / "release"
        if (
            release.exists()
            and (home / "bin" / "javac").exists()
            and major(release.read_text()) >= OLDEST_JAVA
        ):
            return home
    raise NoElasticsearchError(f"Elasticsearch needs a JDK {OLDEST_JAVA} or newer (set ES_JAVA_HOME)")


def major(release):
    """The version that a JDK's release file names."""
    for line in release.splitlines():
        if line.startswith("JAVA_VERSION="):
            return int(line.split('"')[1].split(".")[0].split("-")[0])
    return 0


def run(*command):
    """Run *command*. Raises `NoElasticsearchError` with what it said."""
    try:
        subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        said = getattr(error, "stderr", "") or getattr(error, "stdout", "") or error
        raise NoElasticsearchError(f"{command[0]} failed: {str(said).strip()[-500:]}") from None
