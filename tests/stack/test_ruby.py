"""The Ruby that Logstash runs: its own test blocks, and its style."""

import re
import shutil
import subprocess

import pytest
from conftest import missing

from pipeline import logstash
from places import ROOT

RUBY = ROOT / "logstash" / "ruby"
SCRIPTS = sorted(RUBY.glob("*.rb"))
FILES = sorted(RUBY.rglob("*.rb"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_the_test_blocks_of_a_script_hold(script, jruby):
    """Logstash runs them at each start, and doesn't start where one fails."""
    results = logstash.pipelines().tests(script)

    assert len(results) > 3
    assert [each for each in results if each[1]] == []


def test_the_scripts_read_the_sentences_that_the_parser_reads():
    """But Celery's banner: a line that tells of no run isn't sorted any further."""
    folder = ROOT / "app" / "slowtask" / "parse"
    text = "\n".join((folder / f"{name}.py").read_text() for name in ("celery", "revoked", "rq", "text"))
    read = set(re.findall(r'"((?:RQ|CELERY)_[A-Z_]+|SLOWTASK_TEXT)"', text))

    assert read - {"CELERY_BANNER"} == logstash.used_patterns()


def test_rubocop_finds_nothing():
    if shutil.which("rubocop") is None:
        missing("rubocop, the linter of Ruby")

    done = subprocess.run(
        ["rubocop", "--format", "emacs"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert (done.stdout, done.returncode) == ("", 0)


def test_rubocop_reads_all_files():
    if shutil.which("rubocop") is None:
        missing("rubocop, the linter of Ruby")

    done = subprocess.run(
        ["rubocop", "--list-target-files"], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert sorted(done.stdout.split()) == [str(path.relative_to(ROOT)) for path in FILES]
