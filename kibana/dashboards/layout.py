"""Draw the grid of each dashboard with characters, for the page beside the source."""

import re
import textwrap
from pathlib import Path
from typing import Any, Final

from dashboards.bundle import BOARDS, SOURCE, load

PAGE: Final = SOURCE / "README.md"
ACROSS, DOWN = 2, 0.8  #: characters and lines for a unit of the grid
LIGHT: Final = {"": " ", "r": "╶", "l": "╴", "lr": "─", "d": "╷", "u": "╵", "du": "│"} | {
    "dr": "┌", "dl": "┐", "ru": "└", "lu": "┘", "dru": "├", "dlu": "┤", "dlr": "┬", "lru": "┴", "dlru": "┼",
}  # fmt: skip


def page(text: str) -> str:
    """*text* with the picture of each dashboard, between its markers, made anew."""
    for name in BOARDS:
        board = load(name)
        marker = f"<!-- layout of {board['id']} -->"
        fenced = f"{marker}\n```text\n{draw(board)}\n```\n<!-- end -->"
        text, found = re.subn(
            re.escape(marker) + r".*?<!-- end -->", lambda _, new=fenced: new, text, flags=re.DOTALL
        )
        if found != 1:
            raise ValueError(f"{PAGE.name} needs {marker} … <!-- end --> once")
    return text


def draw(board: dict[str, Any]) -> str:
    """The controls in a line, then the panels as boxes with their titles."""
    boxes = [_scaled(each["at"]) for each in board["panel"].values()]
    height = max(y + h for _, y, _, h in boxes) + 1
    ends: dict[tuple[int, int], set[str]] = {}
    for box in boxes:
        _outline(ends, *box)
    rows = [
        [LIGHT["".join(sorted(ends.get((x, y), ())))] for x in range(48 * ACROSS + 1)] for y in range(height)
    ]
    for box, source in zip(boxes, board["panel"].values(), strict=True):
        _write(rows, box, source)
    controls = "   ".join(f"{each['title']} ▾" for each in board["controls"])
    return "\n".join([controls, *("".join(row).rstrip() for row in rows)])


def _scaled(at: list[int]) -> tuple[int, int, int, int]:
    """A panel's place in characters; a place's far edge is the next one's near edge."""
    x, y, width, height = at
    top, bottom = round(y * DOWN), round((y + height) * DOWN)
    return x * ACROSS, top, width * ACROSS, bottom - top


def _outline(ends: dict[tuple[int, int], set[str]], x: int, y: int, width: int, height: int) -> None:
    """Mark in which directions a line leaves each point of a box's edge."""
    for step in range(width):
        for row in (y, y + height):
            ends.setdefault((x + step, row), set()).add("r")
            ends.setdefault((x + step + 1, row), set()).add("l")
    for step in range(height):
        for column in (x, x + width):
            ends.setdefault((column, y + step), set()).add("d")
            ends.setdefault((column, y + step + 1), set()).add("u")


def _write(rows: list[list[str]], box: tuple[int, int, int, int], source: dict[str, Any]) -> None:
    """A panel's title and, where there is room, its kind and columns."""
    x, y, width, height = box
    lines = textwrap.wrap(source["title"], width - 3)
    for text in ("", f"[{source['kind']}]", *_columns(source, width - 3)):
        lines += [text] if len(lines) < height - 1 else []
    for down, text in enumerate(lines[: height - 1], 1):
        rows[y + down][x + 2 : x + 2 + len(text)] = text


def _columns(source: dict[str, Any], width: int) -> list[str]:
    """The headings of a table."""
    if source["kind"] != "table":
        return []
    labels = [each["label"] for each in source["rows"]] + list(source["metrics"])
    across = f", for each {source['across']['label'].lower()}" if "across" in source else ""
    return textwrap.wrap(" · ".join(labels) + across, width)


def write(path: Path = PAGE) -> None:
    """Bring the page's pictures up to date."""
    path.write_text(page(path.read_text(encoding="utf-8")), encoding="utf-8")
