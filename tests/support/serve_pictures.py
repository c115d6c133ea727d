"""The pictures of docs/serve.md: `python tests/support/serve_pictures.py` draws those that are out of date.

Each holds a hash of the page that it shows, by which a test finds a picture that is older than the code.
"""

import re
import struct
import sys
import zlib
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import chromium
import serve_pages
from places import DOCS

START = b"\x89PNG\r\n\x1a\n"
KEY = b"Page"  #: of the text in the picture that is the hash


class Shot(NamedTuple):
    """How a page is taken."""

    page: str
    width: int = 1240
    height: int = 1000
    scheme: str = "light"


#: By the names of the files.
SHOTS = {
    "serve-ranking.png": Shot("ranking", height=1130),
    "serve-task.png": Shot("task", height=1300),
    "serve-diff.png": Shot("diff", height=860),
    "serve-queues.png": Shot("queues", height=1080, scheme="dark"),
    "serve-waiting.png": Shot("waiting", height=380),
    "serve-error.png": Shot("error", height=380),
    "serve-phone.png": Shot("ranking", width=390, height=844),
}


def fingerprint(shot, html):
    """A hash of all that a picture shows; of a drawing only its texts, as renderers differ in the rest."""
    still = re.sub(r"<script>.*?</script>", "", html, flags=re.DOTALL)
    texts = re.sub(r"<svg.*?</svg>", lambda found: re.sub(r"<[^>]+>", " ", found[0]), still, flags=re.DOTALL)
    return sha256(f"{shot}{texts}".encode()).hexdigest()


def chunks(png):
    """The chunks of a PNG: the kind and the content of each."""
    place = len(START)
    while place < len(png):
        [length] = struct.unpack_from(">I", png, place)
        yield png[place + 4 : place + 8], png[place + 8 : place + 8 + length]
        place += 12 + length


def stored(png):
    """The hash in a picture; empty without one."""
    texts = [content.split(b"\0", 1) for kind, content in chunks(png) if kind == b"tEXt"]
    return next((text.decode() for key, text in texts if key == KEY), "")


def pack(png, text):
    """The same picture, as small as zlib can make it, with *text* in it."""
    kept = [(kind, content) for kind, content in chunks(png) if kind in (b"IHDR", b"IEND")]
    pixels = zlib.decompress(b"".join(content for kind, content in chunks(png) if kind == b"IDAT"))
    middle = [(b"tEXt", KEY + b"\0" + text.encode()), (b"IDAT", zlib.compress(pixels, 9))]
    return START + b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in (kept[0], *middle, kept[1])
    )


def old(pages):
    """The names of the pictures that don't show *pages*."""
    return [
        name
        for name, shot in SHOTS.items()
        if not (DOCS / name).exists()
        or stored((DOCS / name).read_bytes()) != fingerprint(shot, pages[shot.page])
    ]


def take(browser, folder, shot, html):
    """A picture of the page *html*."""
    page, picture = folder / "page.html", folder / "page.png"
    page.write_text(html, encoding="utf-8")
    browser.open(page, scheme=shot.scheme, width=shot.width, height=shot.height)
    browser.picture(picture, whole=False)
    return pack(picture.read_bytes(), fingerprint(shot, html))


def main():
    """Draw what is out of date, or all with `--all`."""
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        pages = serve_pages.make_all(folder)
        names = SHOTS if "--all" in sys.argv else old(pages)
        with chromium.Chromium(folder / "chromium") as browser:
            for name in names:
                shot = SHOTS[name]
                (DOCS / name).write_bytes(take(browser, folder, shot, pages[shot.page]))
                print(f"{name}: {(DOCS / name).stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
