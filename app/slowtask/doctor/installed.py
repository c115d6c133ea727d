"""Check which versions are installed, and whether the hooks are for them."""

import platform
import re
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from slowtask import __version__
from slowtask.doctor.finding import Finding

OURS: Final = ("slowtask", "slowtask-cli")
LIBRARIES: Final = (
    "rq", "celery", "redis", "kombu", "django", "django-rq", "django-tasks-rq", "msgspec",
    "python-json-logger", "duckdb",
)  # fmt: skip
#: The first version that the hooks are for, and the newest that they are tested with.
SUPPORTED: Final = {"rq": ("RQ", "2.0", "3"), "celery": ("Celery", "5.3", "5.7")}


def installed_versions() -> dict[str, str]:
    """Return the version of Python and of each distribution that is installed."""
    found = {"python": platform.python_version(), "slowtask": __version__}
    for name in (*OURS, *LIBRARIES):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def check_versions(versions: Mapping[str, str]) -> Iterator[Finding]:
    """Yield what there is to say of *versions*."""
    ours = ", ".join(f"{name} {versions[name]}" for name in OURS if name in versions)
    yield Finding("installed", "ok", f"{ours}, Python {versions['python']} in {sys.prefix}")
    if versions.get("slowtask-cli", versions["slowtask"]) != versions["slowtask"]:
        yield Finding("installed", "wrong", "slowtask and slowtask-cli differ. Install both in one version.")
    others = [f"{name} {versions[name]}" for name in LIBRARIES if name in versions]
    yield Finding("installed", "ok", ", ".join(others))
    for name in SUPPORTED:
        if name in versions:
            yield check_version(name, versions[name])
    if not SUPPORTED.keys() & versions.keys():
        yield Finding(
            "installed", "note",
            "Neither RQ nor Celery is installed here, so no worker can run here. To check a worker, install "
            "slowtask in its environment and call the slowtask of that environment.",
        )  # fmt: skip


def check_version(name: str, installed: str) -> Finding:
    """Compare the version *installed* of *name* with those that the hooks are for."""
    title, first, newest = SUPPORTED[name]
    if release(installed) < release(first):
        return Finding(
            "installed", "wrong", f"{title} {installed} is too old: the hooks need {first} or newer."
        )
    if release(installed)[: len(release(newest))] > release(newest):
        text = f"{title} {installed} is newer than {newest}, the newest that the hooks are tested with."
        return Finding("installed", "note", text)
    return Finding("installed", "ok", f"{title} {installed}: the hooks are tested with {first} to {newest}")


def release(text: str) -> tuple[int, ...]:
    """Return the first two numbers of a version: (5, 3) of `5.3.0rc1`."""
    return tuple(int(number) for number in re.findall(r"\d+", text)[:2])
