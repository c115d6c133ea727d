"""What a release needs: a version, a changelog with its day, a workflow that may do no more than it must."""

import re

import pytest
import yaml

from environments import MATRIX
from places import ROOT
from release import NotReadyError, check, find_notes, find_version

DASH = "\N{EN DASH}"
CHANGELOG = f"# Changes\n\n## 0.2.0 {DASH} unreleased\n\n- new\n\n## 0.1.0 {DASH} 2026-11-26\n\n- first\n"
WORKFLOWS = {
    path.stem: yaml.safe_load(path.read_text()) for path in (ROOT / ".github" / "workflows").glob("*.yml")
}
TARGETS = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_the_notes_of_a_release_are_its_section_of_the_changelog():
    assert check("v0.1.0", "0.1.0", CHANGELOG) == "- first"


@pytest.mark.parametrize(
    ("tag", "version", "problem"),
    [
        ("v0.1.1", "0.1.0", r"^The tag is v0\.1\.1, but the version is 0\.1\.0"),
        ("v0.2.0", "0.2.0", r"dates 0\.2\.0 unreleased: write the day"),
        ("v0.3.0", "0.3.0", r"has no section for 0\.3\.0"),
    ],
)
def test_what_is_not_ready_is_not_released(tag, version, problem):
    with pytest.raises(NotReadyError, match=problem):
        check(tag, version, CHANGELOG)


def test_pages_that_send_people_nowhere_are_not_released():
    with pytest.raises(NotReadyError, match=r"REPLACE-ME in README\.md, install\.md: write the repository"):
        check("v0.1.0", "0.1.0", CHANGELOG, ["README.md", "install.md"])


def test_the_changelog_has_a_section_for_the_version_of_the_code():
    _, notes = find_notes((ROOT / "CHANGELOG.md").read_text(), find_version())

    assert len(notes) > 1000


@pytest.mark.parametrize("folder", ["", "slowtask-cli"])
def test_a_package_names_the_pythons_that_the_outcomes_are_tested_on(folder):
    text = (ROOT / folder / "pyproject.toml").read_text()
    named = re.findall(r'"Programming Language :: Python :: (3\.\d+)"', text)

    assert named == sorted(each.version for each in MATRIX if each.release == "3")
    assert f"| Python | {', '.join(named)} |" in (ROOT / "README.md").read_text()


def test_only_the_steps_that_sign_or_publish_may_write():
    release = WORKFLOWS["release"]
    allowed = {name: job["permissions"] for name, job in release["jobs"].items()}

    assert release["permissions"] == {}
    assert allowed == {
        "build": {"contents": "read", "id-token": "write", "attestations": "write"},
        "pypi": {"id-token": "write"},
        "github": {"contents": "write"},
    }


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_calls_make_targets_that_there_are(name):
    steps = [step for job in WORKFLOWS[name]["jobs"].values() for step in job["steps"]]
    called = [
        word
        for step in steps
        for words in re.findall(r"\bmake ([a-z -]+)", step.get("run", ""))
        for word in words.split()
    ]

    assert called
    assert set(called) <= TARGETS
