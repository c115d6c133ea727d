"""Draw the pictures of the README: the output of `slowtask top`, and the badges.

`make pictures` runs the command on a log that two stock RQ workers wrote, and exports what it printed as SVG,
once for light and once for dark pages. The pictures load no font and no other file.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Final

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

DOCS: Final = Path(__file__).parent.parent
LOG: Final = DOCS.parent / "tests" / "docs" / "examples" / "worker.log"
#: RQ's lines have only a time of day; the date is that of the file's last change.
LOG_TIME: Final = datetime(2026, 11, 26, 3, 8, 42, tzinfo=UTC)
COMMAND: Final = ("top", "worker.log")
COLUMNS: Final = 104

#: The eight colours of a terminal, on a light and on a dark background: black, red, green, yellow, …
THEMES: Final = {
    "light": TerminalTheme(
        (255, 255, 255),
        (31, 35, 40),
        [
            (31, 35, 40), (207, 34, 46), (17, 99, 41), (154, 103, 0),
            (9, 105, 218), (130, 80, 223), (27, 124, 131), (110, 119, 129),
        ],
    ),
    "dark": TerminalTheme(
        (13, 17, 23),
        (230, 237, 243),
        [
            (72, 79, 88), (255, 123, 114), (63, 185, 80), (210, 153, 34),
            (88, 166, 255), (188, 140, 255), (57, 197, 207), (177, 186, 196),
        ],
    ),
}  # fmt: skip

#: rich's own format loads a font from the network.
FORMAT: Final = re.sub(r" *@font-face \{\{.*?\}\}\n", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL).replace(
    "Fira Code, monospace", "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
)

#: What the badges say, with the colour of the right half.
BADGES: Final = {
    "licence": ("licence", "Apache-2.0", "#0969da"),
    "python": ("Python", "≥ 3.11", "#0969da"),
    "typed": ("typed", "mypy strict", "#116329"),
}
BADGE: Final = """\
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="20" role="img" aria-label="{left}: {right}">
<title>{left}: {right}</title>
<clipPath id="r"><rect width="{width}" height="20" rx="3"/></clipPath>
<g clip-path="url(#r)"><rect width="{split}" height="20" fill="#555"/>
<rect x="{split}" width="{rest}" height="20" fill="{colour}"/></g>
<g fill="#fff" text-anchor="middle" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">
<text x="{left_x}" y="14" textLength="{left_length}">{left}</text>
<text x="{right_x}" y="14" textLength="{right_length}">{right}</text></g>
</svg>
"""


def run_command() -> str:
    """Return what `slowtask top worker.log` prints to a terminal, with its colours."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(shutil.copy(LOG, folder))
        os.utime(log, (LOG_TIME.timestamp(), LOG_TIME.timestamp()))
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SLOWTASK_")}
        environment |= {"COLUMNS": str(COLUMNS), "FORCE_COLOR": "1", "TERM": "xterm-256color"}
        environment.pop("NO_COLOR", None)
        return subprocess.run(
            [Path(sys.executable).parent / "slowtask", *COMMAND],
            cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, encoding="utf-8", check=True,
        ).stdout  # fmt: skip


def draw_terminal(output: str, theme: str) -> str:
    """Return *output*, below the command that printed it, as an SVG in the colours of *theme*."""
    console = Console(
        record=True, file=StringIO(), width=COLUMNS, force_terminal=True, color_system="truecolor"
    )
    console.print(Text(f"$ slowtask {' '.join(COMMAND)}", style="bold"))
    console.print(Text.from_ansi(output.rstrip()))
    svg = console.export_svg(
        title="a log of stock RQ workers", theme=THEMES[theme], code_format=FORMAT, unique_id=f"top-{theme}"
    )
    return re.sub(r"[ \t]+$", "", svg, flags=re.MULTILINE)


def draw_badge(left: str, right: str, colour: str) -> str:
    """Return a badge whose left half says *left* and whose right half, in *colour*, says *right*."""
    left_length, right_length = (round(6.6 * len(text)) for text in (left, right))
    split, rest = left_length + 10, right_length + 10
    return BADGE.format(
        left=left, right=right, colour=colour, width=split + rest, split=split, rest=rest,
        left_x=split / 2, right_x=split + rest / 2, left_length=left_length, right_length=right_length,
    )  # fmt: skip


def draw() -> dict[str, str]:
    """Return all pictures, by the names of their files."""
    output = run_command()
    return {f"top-{theme}.svg": draw_terminal(output, theme) for theme in THEMES} | {
        f"badge-{name}.svg": draw_badge(*badge) for name, badge in BADGES.items()
    }


if __name__ == "__main__":
    for name, picture in draw().items():
        (DOCS / name).write_text(picture, encoding="utf-8")
