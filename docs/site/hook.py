"""Make the pages of docs/, which are written for a file host, a site as well.

README, CONTRIBUTING and CHANGELOG become pages. A file outside docs/ that a page links to is copied into the
site, so that the link works there too. The README's diagram and picture get the forms that the theme knows.
"""

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT: Final = Path(__file__).parent.parent.parent
#: Files at the top that are pages of the site.
PAGES: Final = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
FOLDER: Final = "repository"  #: of the site: what else is outside docs/
LINK: Final = re.compile(r"(\]\()([^)\s#:]+)((?:#[^)\s]*)?\))")
FENCE: Final = re.compile(r"^( *)```.*?^\1```$", re.MULTILINE | re.DOTALL)
DIAGRAM: Final = re.compile(r"^```mermaid\n.*?^```$", re.MULTILINE | re.DOTALL)
PICTURE: Final = re.compile(
    r'<picture>.*?srcset="([^"]+)".*?alt="([^"]+)".*?src="([^"]+)".*?</picture>', re.DOTALL
)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages at the top, and the files outside docs/ that any page links to."""
    for source, page in PAGES.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text(encoding="utf-8")))
    for path in sorted(set(linked_files(files))):
        files.append(File.generated(config, f"{FOLDER}/{path}", abs_src_path=str(ROOT / path)))
    return files


def linked_files(files: Files) -> Iterator[str]:
    """Yield the path of each file outside docs/ that a page links to, from the top of the repository."""
    for file in files.documentation_pages():
        for _, target, _ in LINK.findall(FENCE.sub("", file.content_string)):
            path = resolve(file.src_uri, target)
            if path not in PAGES and not path.startswith("docs/"):
                yield path


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Point the links of *page* to pages and files of the site."""
    here = page.file.src_uri
    if here == PAGES["README.md"]:
        page.meta["hide"] = ["navigation"]  # there are the tabs
    markdown = DIAGRAM.sub("![How it works](docs/flow.svg)", markdown)
    markdown = PICTURE.sub(r"![\2](\3#only-light)\n![\2](\1#only-dark)", markdown)
    return LINK.sub(lambda link: f"{link[1]}{site_link(here, link[2])}{link[3]}", markdown)


def site_link(here: str, target: str) -> str:
    """Return the link *target* on the page *here* of the site, as a link to its place in the site."""
    path = resolve(here, target)
    outside = PAGES.get(path, f"{FOLDER}/{path}")
    place = path.removeprefix("docs/") if path.startswith("docs/") else outside
    return posixpath.relpath(place, posixpath.dirname(here) or ".")


def resolve(here: str, target: str) -> str:
    """Return the path in the repository of what the link *target* means on the page *here* of the site."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(source_of(here)), target))


def source_of(here: str) -> str:
    """Return the path in the repository of the page *here* of the site."""
    if here.startswith(f"{FOLDER}/"):
        return here.removeprefix(f"{FOLDER}/")
    return next((source for source, page in PAGES.items() if page == here), f"docs/{here}")
