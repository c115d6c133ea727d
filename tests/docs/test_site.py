"""`make docs`: the pages are a site too, without a warning, and it loads nothing from other hosts."""

import hashlib
import importlib.util
import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser

import pytest
from conftest import PATIENCE, missing

from places import ROOT

#: What the API reference must explain.
NAMES = (
    "slowtask.configure",
    "slowtask.rq.TimedWorker",
    "slowtask.rq.TimedJob",
    "slowtask.celery.install",
    "slowtask.record.run",
    "slowtask.parse.events.events",
    "slowtask.store.protocol.Store",
    "slowtask.rank.ranking.Task",
    "slowtask.errors.UsageError",
)


pytestmark = pytest.mark.xdist_group("site")  # one process builds it


class Loaded(HTMLParser):
    """What a browser fetches for a page, other than what a reader clicks on."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        target = dict(attrs).get("href" if tag == "link" else "src") if tag != "a" else None
        if target:
            self.found.append(target)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    if not importlib.util.find_spec("mkdocs"):
        missing("mkdocs")
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", folder],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=2 * PATIENCE,
    )

    assert (done.returncode, done.stdout) == (0, "")
    return folder


@pytest.mark.slow
def test_the_site_has_every_page(site):
    names = {page.stem for page in (ROOT / "docs").glob("*.md")} | {"index", "contributing", "changelog"}

    assert {page.stem for page in site.glob("*.html")} == names | {"404"}


@pytest.mark.slow
def test_the_site_loads_nothing_from_other_hosts(site):
    for page in site.rglob("*.html"):
        assert [target for target in Loaded(page.read_text()).found if "//" in target] == []


@pytest.mark.slow
def test_the_search_finds_the_text_of_pages(site):
    documents = json.loads((site / "search" / "search_index.json").read_text())["docs"]

    assert "glossary.html" in {each["location"] for each in documents}


@pytest.mark.slow
def test_the_reference_has_what_can_be_imported(site):
    anchors = set(re.findall(r'id="(slowtask[\w.]+)"', (site / "api.html").read_text()))

    assert set(NAMES) <= anchors


@pytest.mark.slow
def test_a_field_is_explained_by_its_comment(site):
    assert "the duration is ± this; None: it is exact" in (site / "api.html").read_text()


def test_the_picture_of_the_flow_is_that_of_the_readme():
    [diagram] = re.findall(
        r"^```mermaid\n(.*?)^```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL
    )
    wanted = hashlib.sha256(diagram.encode()).hexdigest()

    assert f"<!-- {wanted} -->" in (ROOT / "docs" / "flow.svg").read_text()
