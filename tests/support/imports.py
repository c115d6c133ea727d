"""Which module of a package imports which, read from the source: nothing is run."""

import ast
from collections.abc import Iterator
from pathlib import Path


def modules_of(package: Path) -> dict[str, Path]:
    """Each module of *package* by its dotted name."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = (package.name, *path.relative_to(package).with_suffix("").parts)
        found[".".join(part for part in parts if part != "__init__")] = path
    return found


def imports_of(package: Path) -> dict[str, set[str]]:
    """For each module of *package* the modules of it that it imports, at its top or later."""
    modules = modules_of(package)
    return {
        name: {target for target in _imported(name, path, modules) if target != name}
        for name, path in modules.items()
    }


def _imported(name: str, path: Path, modules: dict[str, Path]) -> Iterator[str]:
    """The modules of *modules* that the one at *path* imports."""
    here = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)
        elif isinstance(node, ast.ImportFrom):
            source = _absolute(node, here)
            targets = (_module_of(source, alias.name, modules) for alias in node.names)
            yield from (target for target in targets if target in modules)


def _module_of(source: str, name: str, modules: dict[str, Path]) -> str:
    """The module that `from source import name` reads: one of that name, else *source* itself."""
    inner = f"{source}.{name}"
    return inner if inner in modules else source


def _absolute(node: ast.ImportFrom, here: str) -> str:
    """The module that `from … import` names, whose dots count from the package *here*."""
    if not node.level:
        return node.module or ""
    parts = here.split(".")
    base = ".".join(parts[: len(parts) - node.level + 1])
    return f"{base}.{node.module}" if node.module else base


def circles(imports: dict[str, set[str]]) -> list[list[str]]:
    """The circles of *imports*: each a list of modules that all lead to each other."""
    reach = {name: _reachable(name, imports) for name in imports}
    groups = {
        tuple(sorted({name, *(other for other in reach[name] if name in reach[other])}))
        for name in imports
        if name in reach[name]
    }
    return [list(group) for group in sorted(groups)]


def _reachable(start: str, imports: dict[str, set[str]]) -> set[str]:
    """All that *start* imports, over any number of modules."""
    seen: set[str] = set()
    rest = [*imports[start]]
    while rest:
        name = rest.pop()
        if name not in seen:
            seen.add(name)
            rest += imports.get(name, ())
    return seen
