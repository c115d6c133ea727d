"""The private, clipped phrases of earlier versions stay out of code and pages; the glossary has the terms."""

import re
import subprocess

import pytest

from places import ROOT

#: Phrases that a stranger has to decode, and what to write instead.
PHRASES = {
    "whoever": "a user who",
    "of late": "recently, or in the last SECONDS",
    "worth a word": "say from which value on",
    "worth an alarm": "say from which value on",
    "told to be over": "resolved",
    "what is said": "the text, the message",
    "is to be said": "the message",
    "a look": "a poll",
    "two looks": "two polls",
    "at each look": "at each poll",
    "the room there is": "the limit",
    "so much of": "a limit",
    "seen again": "can be read again",
    "nobody tells": "isn't known",
    "who confirms": "a publisher with confirm_publish",
    "without a word": "without an error",
    "what comes and goes": "arrivals and departures",
    "isn't looked at": "isn't watched, isn't read",
    "tells of no": "has no",
    "are held against": "are compared with",
    "nothing to tell": "nothing to send",
}
PLACES = ["app", "docs", "README.md", "CONTRIBUTING.md", ".env.example", "docker", "kibana", "Makefile"]


def lines_with(phrase):
    """The lines of the project with *phrase*."""
    command = ["git", "grep", "-niwF", "-e", phrase, "--", *PLACES, ":!docs/site"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.splitlines()


@pytest.mark.parametrize("phrase", PHRASES)
def test_a_clipped_phrase_is_gone(phrase):
    assert lines_with(phrase) == [], f"write: {PHRASES[phrase]}"


def test_a_phrase_would_be_found():
    assert lines_with("the package itself") or lines_with("task")


@pytest.mark.parametrize("docstring", ["Both.", "Work.", "Likewise.", "As they are."])
def test_no_docstring_is_a_riddle(docstring):
    pattern = re.compile(rf'"""{re.escape(docstring)}"""', re.IGNORECASE)
    found = [
        path for path in (ROOT / "app").rglob("*.py") if pattern.search(path.read_text(encoding="utf-8"))
    ]

    assert found == []
