"""How the code is shaped, beside two models: `python bench/measure.py NAME=FOLDER…`, for `make measure`.

Lines of functions and modules, docstrings, comments and circles of imports are counted for each folder; of
slowtask also the docstrings of its public API, and the longest line of its pages.
"""

import argparse
import ast
import importlib
import inspect
import io
import statistics
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.append(str(ROOT / "tests" / "support"))

from imports import circles, imports_of  # noqa: E402 - of the tests, whose folder isn't a package's

#: What docs name, and users import.
PUBLIC = {
    "slowtask": ["configure"],
    "slowtask.rq": ["TimedJob", "TimedWorker", "TimedSimpleWorker"],
    "slowtask.celery": ["install"],
    "slowtask.record": [
        "Ending",
        "Run",
        "Timer",
        "guarded",
        "host",
        "identity",
        "run",
        "trace_id",
        "troubles",
        "write",
    ],
    "slowtask.store": ["Store", "Query", "Figures", "Measurement"],
    "slowtask.parse.events": ["events"],
    "slowtask.rank.ranking": ["rank"],
    "slowtask.watch.broker": ["Broker"],
}
SECTIONS = ("Args:", "Returns:", "Yields:", "Raises:", "Attributes:", "Example")


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """The functions and methods in *tree*."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """The lines of a function, without decorators and docstring."""
    docstring = function.body[0] if ast.get_docstring(function) else None
    lines = (function.end_lineno or 0) - function.lineno + 1
    return lines - ((docstring.end_lineno or 0) - docstring.lineno + 1 if docstring else 0)


def comments(text: str) -> int:
    """The lines of *text* with a comment, `#:` of fields apart."""
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return sum(token.type == tokenize.COMMENT and not token.string.startswith("#:") for token in tokens)


def measure(folder: Path) -> dict[str, str]:
    """The figures of the Python in *folder*, as people read them."""
    texts = [path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.py"))]
    trees = [ast.parse(text) for text in texts]
    modules = sorted(len(text.splitlines()) for text in texts)
    found = [function for tree in trees for function in functions(tree)]
    lengths = sorted(map(length, found))
    documented = sum(bool(ast.get_docstring(function)) for function in found)
    return {
        "modules": f"{len(modules)}",
        "lines of a module, p50 / p90 / longest": quantiles(modules),
        "functions": f"{len(lengths):,}",
        "lines of a function, p50 / p90 / longest": quantiles(lengths),
        "functions with a docstring": f"{documented / len(found):.0%}".replace("%", " %"),
        "comments in 100 lines": f"{100 * sum(map(comments, texts)) / sum(modules):.1f}",
        "circles of imports": f"{len(circles(imports_of(folder)))}",
    }


def quantiles(values: list[int]) -> str:
    """`6 / 17 / 48`."""
    cuts = statistics.quantiles(values, n=10, method="inclusive")
    return f"{statistics.median(values):.0f} / {cuts[8]:.0f} / {values[-1]:,}"


def public() -> list[tuple[str, bool]]:
    """Each part of the public API that takes arguments, and whether its docstring says which."""
    found = [
        (f"{module}.{name}", getattr(importlib.import_module(module), name))
        for module, names in PUBLIC.items()
        for name in names
    ]
    return [
        (name, any(section in (inspect.getdoc(value) or "") for section in SECTIONS))
        for name, value in found
        if callable(value) and inspect.signature(value).parameters
    ]


def longest_line() -> tuple[int, str]:
    """The longest line of a page outside tables and code, and where it stands."""
    lines = []
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]:
        code = False
        for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
            code ^= line.lstrip().startswith("```")
            if not code and not line.startswith(("|", "<", "- `", "- ``")) and "](" not in line:
                lines.append((len(line), f"{page.relative_to(ROOT)}:{number}"))
    return max(lines)


def main() -> None:
    """Print one column for each folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", metavar="NAME=FOLDER")
    names = {"slowtask": ROOT / "app" / "slowtask"}
    names |= {
        name: Path(folder)
        for name, _, folder in (each.partition("=") for each in parser.parse_args().folders)
    }
    columns = {name: measure(folder) for name, folder in names.items()}
    print(f"{'':46}" + "".join(f"{name:>18}" for name in columns))
    for row in next(iter(columns.values())):
        print(f"{row:46}" + "".join(f"{column[row]:>18}" for column in columns.values()))
    documented = public()
    complete = sum(ok for _, ok in documented)
    print(f"\npublic API with Args, Returns, Raises or an example: {complete} of {len(documented)}")
    for name in (name for name, ok in documented if not ok):
        print(f"  without: {name}")
    size, place = longest_line()
    print(f"longest line of a page, tables, code and links apart: {size} ({place})")


if __name__ == "__main__":
    main()
