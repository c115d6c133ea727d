"""Debian 13's packages on any machine that has debootstrap: for the stand-in images, and for Compose."""

import shutil
import subprocess

from debian_python import find_mirror

SUITE = "trixie"
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"


def root(folder):
    """A root of Debian 13 in *folder*, made where there is none."""
    complete = folder.with_suffix(".complete")
    if complete.exists():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    run("debootstrap", "--variant=minbase", "--include=ca-certificates", SUITE, folder, find_mirror())
    shutil.copy(CERTIFICATES, f"{folder}{CERTIFICATES}")  # a machine may trust an authority of its own
    run("chroot", folder, "apt-get", "update", "-qq")
    complete.touch()
    return folder


def compose(system, folder):
    """The path of the Compose in the packages of *system*."""
    binary = folder / "usr" / "libexec" / "docker" / "cli-plugins" / "docker-compose"
    if not binary.exists():
        install = ["apt-get", "install", "--download-only", "--yes", "-qq", "--no-install-recommends"]
        run("chroot", system, *install, "docker-compose")
        [package] = (system / "var" / "cache" / "apt" / "archives").glob("docker-compose_*.deb")
        folder.mkdir(parents=True, exist_ok=True)
        run("dpkg", "-x", package, folder)
    return binary


def run(*command):
    """Run *command*; what it said is in the error where it fails."""
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {(done.stderr or done.stdout)[-2000:]}")
