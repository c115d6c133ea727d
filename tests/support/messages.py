"""Everything that slowtask says to people, collected from the source: `python tests/support/messages.py`.

It writes docs/messages.md, to be read in one sitting. A test holds the page to the source.
"""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from places import DOCS, ROOT

PAGE = DOCS / "messages.md"
PACKAGE = ROOT / "app" / "slowtask"
FOLDERS = {
    "rq": "RQ's workers",
    "celery": "Celery's workers",
    "record": "Recording",
    "doctor": "Doctor",
    "parse": "Parsing",
    "store": "Files, Elasticsearch and Kibana",
    "rank": "Ranking and what-if",
    "watch": "Status, monitor and alerts",
    "otel": "OpenTelemetry",
    "cli": "Commands",
    "demo": "Demonstrations",
}
#: Three words in a row: what has fewer is a name, a key or a unit.
SENTENCE = re.compile(r"[A-Za-z']{2,}[,:;]? [A-Za-z'{]+[,:;]? [A-Za-z'{]+")
SQL = re.compile(r"(SELECT|SET|CREATE|COPY|INSERT|FROM|INSTALL) ")
HEAD = """# Messages

All texts that slowtask shows to people, in the order of the source: errors, warnings, alerts, help
and notes. `{name}` stands for a value. `make messages` writes this page; a test keeps it complete.
"""


def page() -> str:
    """The page."""
    parts = [HEAD]
    for folder, title in FOLDERS.items():
        parts.append(f"\n## {title}\n\n")
        for path in sorted((PACKAGE / folder).rglob("*.py")):
            parts += section(str(path.relative_to(PACKAGE)), [*sentences(path)])
    parts.append("\n## The dashboards\n\n")
    for path in sorted((ROOT / "kibana").glob("*.toml")):
        parts += section(path.name, [*dict.fromkeys(titles(tomllib.loads(path.read_text())))])
    parts.append("\n## The stack's settings and scripts\n\n")
    for path in [ROOT / ".env.example", *sorted((ROOT / "docker").glob("*.sh"))]:
        parts += section(path.name, [*script(path)])
    return "".join(parts)


def section(name: str, texts: list[str]) -> list[str]:
    """A heading and a list of *texts*; nothing where there are none."""
    return [f"### {name}\n\n", *(f"- {line(text)}\n" for text in texts), "\n"] if texts else []


def line(text: str) -> str:
    """*text* as one line of Markdown that shows it as it is."""
    text = " ".join(text.replace("\b", " ").split())
    fence = "``" if "`" in text else "`"
    pad = " " if fence == "``" else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def sentences(path: Path) -> Iterator[str]:
    """The sentences in the strings of a module; a docstring counts where it is the help of a command."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docstrings = {id(node) for node in _docstrings(tree)}
    inner: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            inner |= {id(part) for part in node.values}
    strings = (node for node in ast.walk(tree) if id(node) not in docstrings | inner)
    texts = [(node.lineno, text) for node in strings if (text := _text(node)) and _is_sentence(text)]
    yield from dict.fromkeys(text for _, text in sorted(texts))


def _is_sentence(text: str) -> bool:
    """Whether a string is for people."""
    return bool(SENTENCE.search(text)) and not SQL.match(text)


def _docstrings(tree: ast.AST) -> Iterator[ast.AST]:
    """The docstrings in *tree*, but for those of commands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and not _is_command(node):
                yield first.value


def _is_command(node: ast.AST) -> bool:
    """Whether *node* is a command, whose docstring is its help."""
    decorators = map(ast.unparse, node.decorator_list) if isinstance(node, ast.FunctionDef) else ()
    return any("command" in each or "group" in each for each in decorators)


def _text(node: ast.AST) -> str | None:
    """The text of a string with `{name}` for values; None for what is no string."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if not isinstance(node, ast.JoinedStr):
        return None
    return "".join(
        f"{{{_name(part.value)}}}" if isinstance(part, ast.FormattedValue) else str(_text(part) or "")
        for part in node.values
    )


def _name(value: ast.expr) -> str:
    """A short name for a value: its variable, attribute or function."""
    match value:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=arguments):
            return _name(arguments[0]) if arguments and not isinstance(arguments[0], ast.Constant) else name
        case ast.Subscript(value=inner):
            return _name(inner)
    return "…"


def titles(table: object) -> Iterator[str]:
    """The titles, labels and texts in the source of a dashboard."""
    if isinstance(table, dict):
        for key, value in table.items():
            if key in ("title", "text", "description", "label") and isinstance(value, str):
                yield value
            else:
                yield from titles(value)
    elif isinstance(table, list):
        for each in table:
            yield from titles(each)


def script(path: Path) -> Iterator[str]:
    """The comments of `.env.example`, or the sentences that a script prints."""
    for text in path.read_text().splitlines():
        if path.suffix == ".sh":
            yield from (quoted for quoted in re.findall(r'"([^"]+)"', text) if SENTENCE.search(quoted))
        elif text.startswith("#") and text.strip("# "):
            yield text.strip("# ")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
