"""The pictures show what the commands print and the pages are today, and load nothing from elsewhere."""

import html
import importlib.util
import re

import pytest

import serve_pages
import serve_pictures
from places import ROOT

DOCS = ROOT / "docs"
LARGEST = 300_000  #: bytes


@pytest.fixture(scope="module")
def pictures():
    spec = importlib.util.spec_from_file_location("pictures", DOCS / "site" / "pictures.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.draw()


def words(svg):
    """The text of a picture without how long reading took."""
    drawn = re.sub(r"<style>.*?</style>", "", svg, flags=re.DOTALL)
    text = re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", "", drawn)))
    return re.sub(r"(1 file), \d+\.\d s", r"\1", text)


def test_the_pictures_show_what_the_command_prints(pictures):
    for name, svg in pictures.items():
        assert words((DOCS / name).read_text()) == words(svg), f"{name}: run make pictures"


@pytest.mark.slow
def test_the_pictures_of_the_pages_are_not_older_than_the_pages(tmp_path):
    assert serve_pictures.old(serve_pages.make_all(tmp_path)) == [], "run make pictures"


def test_a_picture_of_a_page_that_changed_is_old():
    """So the test above can fail."""
    pages = dict.fromkeys((shot.page for shot in serve_pictures.SHOTS.values()), "<p>another page</p>")

    assert serve_pictures.old(pages) == [*serve_pictures.SHOTS]


def test_every_picture_in_the_folder_is_used_and_small():
    sources = [ROOT / "README.md", *DOCS.glob("*.md"), DOCS / "site" / "hook.py"]
    pages = "".join(source.read_text() for source in sources)

    for picture in [*DOCS.glob("*.svg"), *DOCS.glob("*.png")]:
        assert picture.name in pages
        assert picture.stat().st_size < LARGEST


def test_pictures_load_nothing(pictures):
    for name in pictures:
        svg = (DOCS / name).read_text()

        assert re.findall(r"(?:url\(|href=|src=)[\"']?(?!#)[^\"')\s]+", svg) == []
