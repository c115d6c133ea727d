"""Check that a tag can be released, and print what changed: `python tests/support/release.py v0.1.0`.

It needs nothing but Python, since it runs before anything is installed.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SECTION = re.compile(r"^## (?P<version>\S+) \N{EN DASH} (?P<date>.+)$", re.MULTILINE)
PLACEHOLDER = "git.example.org/REPLACE-ME"
DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


class NotReadyError(Exception):
    """What keeps a tag from being released."""


def find_version():
    """The version of both packages."""
    text = (ROOT / "app" / "slowtask" / "__init__.py").read_text(encoding="utf-8")
    return re.search(r'^__version__ = "(.+)"$', text, re.MULTILINE)[1]


def find_notes(changelog, version):
    """The date of *version* in the text *changelog*, and what changed in it."""
    heads = [*SECTION.finditer(changelog)]
    for place, head in enumerate(heads):
        if head["version"] == version:
            end = heads[place + 1].start() if place + 1 < len(heads) else len(changelog)
            return head["date"], changelog[head.end() : end].strip()
    raise NotReadyError(f"CHANGELOG.md has no section for {version}: write what changed.")


def find_placeholders():
    """The pages whose address of the repository is still the placeholder."""
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
    return [path.name for path in pages if PLACEHOLDER in path.read_text(encoding="utf-8")]


def check(tag, version, changelog, placeholders=()):
    """What changed in *tag*, if it can be released. Raises `NotReadyError`."""
    if tag != f"v{version}":
        raise NotReadyError(f"The tag is {tag}, but the version is {version}: tag v{version}, or change it.")
    date, notes = find_notes(changelog, version)
    if not DATE.fullmatch(date):
        raise NotReadyError(f"CHANGELOG.md dates {version} {date}: write the day, as 2026-11-26.")
    if not notes:
        raise NotReadyError(f"CHANGELOG.md says nothing about {version}.")
    if placeholders:
        raise NotReadyError(f"{PLACEHOLDER} in {', '.join(placeholders)}: write the repository's address.")
    return notes


if __name__ == "__main__":
    try:
        changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
        print(check(sys.argv[1], find_version(), changelog, find_placeholders()))
    except NotReadyError as problem:
        sys.exit(str(problem))
