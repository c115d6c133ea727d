"""The environments of the outcome matrices: RQ 2.0 to 3.x, Celery 5.3 to 5.7, Python 3.11 to 3.14.

`python tests/support/environments.py` makes those that aren't there (`make test` calls it) and says which it
couldn't. A test asks for one by `Environment.python`, and fails in CI, or skips at home, without it.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from debian_python import find_debian_python
from places import ROOT

CACHE = ROOT / ".cache" / "environments"
OURS = ["msgspec", "python-json-logger", "redis"]


@dataclass(frozen=True, kw_only=True)
class Environment:
    """One Python with what is tested in it."""

    of: str  # `RQ`
    release: str = ""  # as people say it: `2.0`
    requirements: tuple[str, ...]  # as pip takes them
    version: str  # of Python

    @property
    def name(self) -> str:
        return f"{self.of} {self.release}, Python {self.version}"

    @property
    def python(self) -> Path:
        release = self.release.partition(",")[0]
        return CACHE / f"{self.of.lower()}{release}-python{self.version}" / "bin" / "python"

    def make(self) -> str | None:
        """Make it; returns what stood in the way."""
        interpreter = find_python(self.version)
        if interpreter is None:
            return f"Python {self.version} isn't installed"
        folder = self.python.parent.parent
        uv("venv", "--clear", "--python", interpreter, folder)
        uv("pip", "install", "--python", self.python, *self.requirements, *OURS)
        (folder / "complete").write_text(self.content)
        return None

    @property
    def content(self) -> str:
        """What it was made of: with other requirements it is made anew."""
        return "\n".join([*self.requirements, *OURS])

    @property
    def made(self) -> bool:
        note = self.python.parent.parent / "complete"
        return note.exists() and note.read_text() == self.content


CURRENT = "{}.{}".format(*sys.version_info)
MATRIX = [
    *(
        Environment(of="RQ", release="3", requirements=("rq>=3,<4",), version=version)
        for version in ("3.11", "3.12", "3.13", "3.14")
    ),
    Environment(of="RQ", release="2, its last", requirements=("rq>=2.12,<3",), version=CURRENT),
    Environment(of="RQ", release="2.0", requirements=("rq==2.0.0",), version=CURRENT),
]


#: The one that `make test` runs all workers in.
NEWEST = next((each for each in MATRIX if (each.release, each.version) == ("3", CURRENT)), MATRIX[0])


def celery(release: str, *requirements: str, version: str = CURRENT) -> Environment:
    wanted = (*requirements, "kombu[redis]", "gevent")
    return Environment(of="Celery", release=release, requirements=wanted, version=version)


#: The newest two first: with every pool; the others with prefork, where versions differ.
CELERIES = [
    celery("5.7", "celery>=5.7,<5.8"),
    celery("5.3", "celery==5.3.0", "kombu<5.4"),
    celery("5.7", "celery>=5.7,<5.8", version="3.14"),
    celery("5.6", "celery>=5.6,<5.7", version="3.13"),
    celery("5.5", "celery>=5.5,<5.6", version="3.12"),
    celery("5.4", "celery>=5.4,<5.5"),
]
#: The models that the dashboards are held against, which need a Python ≥ 3.12.
SHAPES = Environment(of="Kibana", requirements=("kb-dashboard-core==0.4.1",), version="3.12")
#: The example of docs/adding.md.
DRAMATIQ = Environment(of="Dramatiq", requirements=("dramatiq[redis]>=2.1,<3",), version=CURRENT)
#: Vector's language, in a wheel.
VRL = Environment(of="VRL", requirements=("pyvrl==0.0.2",), version="3.11")
#: Django's tasks on RQ, with the two that enqueue by the clock: rq-scheduler, and RQ's own `rq cron`.
DJANGO_TASKS = Environment(
    of="Django-tasks",
    requirements=("django-tasks-rq>=0.12", "django-rq>=3", "rq>=3,<4", "rq-scheduler>=0.14"),
    version=CURRENT,
)
DJANGO = Environment(
    of="Django", requirements=("django-rq>=3", "rq>=2", "celery>=5.3", "kombu[redis]"), version=CURRENT
)


def uv(*arguments):
    subprocess.run(
        [shutil.which("uv", path=Path(sys.executable).parent) or "uv", *arguments, "--quiet"], check=True
    )


def find_python(version):
    """An interpreter of *version* that starts: on PATH, one of pyenv's, or of a later Debian."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = [
        shutil.which(f"python{version}"),
        *sorted(map(str, pyenv.glob(f"{version}.*/bin/python")), reverse=True),
    ]
    for candidate in filter(None, found):
        if subprocess.run([candidate, "-c", ""], capture_output=True, check=False).returncode == 0:
            return candidate
    return find_debian_python(version)


def main():
    missing = [
        f"{each.name}: {problem}"
        for each in [*MATRIX, *CELERIES, DJANGO, DJANGO_TASKS, DRAMATIQ, SHAPES, VRL]
        if not each.made and (problem := each.make())
    ]
    for line in missing:
        print(f"not tested with {line}")
    return 1 if missing and os.environ.get("CI") else 0


if __name__ == "__main__":
    sys.exit(main())
