"""How many pixels a panel has on a screen, and how many a text takes: what Kibana would cut.

The grid: Kibana divides the page into 48 columns, with 8 px between them and 8 px at both sides. Pictures of
both dashboards in a Kibana 8.12.2 agree, with the navigation closed: a panel 32 wide was 840 px at 1280 and
1053 px at 1600. A browser that shows a scroll bar takes up to 16 px from the page, so 16 are taken
off here. What Kibana puts around a text (padding, arrows, icons) was measured in the same pictures.

Texts: Kibana's font is Inter. `inter.json` has the width of each character in thousandths of the font's size,
by weight, as Chromium's canvas measured Inter 4 (@fontsource/inter 5.3.0). Discover's cells are in Roboto
Mono, whose characters are 0.6 of the font's size wide.
"""

import json
from pathlib import Path

PAGES = (1280, 1600)
GAP = 8
COLUMNS = 48
SCROLL_BAR = 16
INTER = json.loads((Path(__file__).parent / "inter.json").read_text())
MONOSPACE = 0.6
WIDEST = 1000  # a character that the table lacks: one em


def panel(width, page):
    """The px of a panel of *width* grid columns on a page of so many px."""
    inner = page - SCROLL_BAR - 2 * GAP
    return (inner + GAP) * width / COLUMNS - GAP


def text(words, size, weight):
    """The px of a line of Inter."""
    return sum(INTER[str(weight)].get(each, WIDEST) for each in words) * size / 1000


def longest_word(words, size, weight):
    """The px that a text needs at least where it may wrap."""
    return max(text(each, size, weight) for each in words.split())


def monospace(words, size):
    """The px of a line of Roboto Mono."""
    return len(words) * MONOSPACE * size
