"""A metric: an expression in the language of Lens formulas, and the Lens columns it becomes.

A single call is one column: `max(event.duration)`, `percentile(event.duration, percentile=95)`,
`count(kql='event.outcome : "failure"')`, `normalize_by_unit(sum(queue.arrivals), unit='m')`.
`last_value(verdict.state, kind='string')` is that of the latest document, a number unless *kind* says else.
Calls joined by -, * and / are a formula, whose parts are columns of their own, hidden ones. Its value is
shown as a percentage, or as one of the other FORMATS.
"""

import ast
from collections.abc import Iterator
from typing import Any, Final

Column = dict[str, Any]

FUNCTIONS: Final = {"max", "min", "sum", "average", "percentile", "count", "last_value"}
OPERATORS: Final[dict[type[ast.operator], str]] = {
    ast.Sub: "subtract",
    ast.Mult: "multiply",
    ast.Div: "divide",
}
#: How a formula's value is shown. A field's value has the format of its data view.
FORMATS: Final = {
    "percent": {"id": "percent", "params": {"decimals": 1}},
    "duration": {
        "id": "duration",
        "params": {"decimals": 2, "fromUnit": "nanoseconds", "toUnit": "humanizePrecise", "compact": True},
    },
}


def columns(name: str, label: str, text: str, shown: str = "percent") -> dict[str, Column]:
    """The columns of the metric *text*, the one to show first: its id is *name*. Raises `ValueError`.

    A formula is shown in the format *shown*.
    """
    tree = ast.parse(text, mode="eval").body
    if isinstance(tree, ast.BinOp):
        return _formula(name, label, text, shown)
    return {name: _call(tree) | {"label": label, "customLabel": True}}


def _formula(name: str, label: str, text: str, shown: str) -> dict[str, Column]:
    """A formula, as Lens keeps it: its text, its parts, and the arithmetic over the parts."""
    parts: dict[str, Column] = {}
    arithmetic = _arithmetic(ast.parse(text, mode="eval").body, name, f"Part of {label}", text, parts)
    result = f"{name}X{len(parts)}"
    parts[result] = _number("math", f"Part of {label}") | {
        "references": list(_leaves(arithmetic)),
        "params": {"tinymathAst": arithmetic},
    }
    formula = _number("formula", label) | {
        "references": [result],
        "params": {"formula": text, "isFormulaBroken": False, "format": FORMATS[shown]},
    }
    return {name: formula} | parts


def _arithmetic(tree: ast.expr, name: str, label: str, text: str, parts: dict[str, Column]) -> Any:
    """The arithmetic of *tree*, which is read from *text*, over the columns that it adds to *parts*."""
    if not isinstance(tree, ast.BinOp) or type(tree.op) not in OPERATORS:
        return _part(tree, name, label, parts)
    start, end = tree.col_offset, tree.end_col_offset
    return {
        "type": "function",
        "name": OPERATORS[type(tree.op)],
        "args": [_arithmetic(side, name, label, text, parts) for side in (tree.left, tree.right)],
        "location": {"min": start, "max": end},
        "text": text[start:end],
    }


def _leaves(arithmetic: Any) -> Iterator[str]:
    """The columns that *arithmetic* names."""
    if isinstance(arithmetic, str):
        yield arithmetic
    else:
        for each in arithmetic["args"]:
            yield from _leaves(each)


def _part(tree: ast.expr, name: str, label: str, parts: dict[str, Column]) -> str:
    """Add the columns of one side of a formula to *parts*; the id of the one that holds its value."""
    match tree:
        case ast.Call(func=ast.Name(id="overall_sum"), args=[inner], keywords=[]):
            references = [_part(inner, name, label, parts)]
            column = _number("overall_sum", label) | {"references": references, "params": {}}
        case _:
            column = _call(tree) | {"label": label, "customLabel": True}
    key = f"{name}X{len(parts)}"
    parts[key] = column
    return key


def _call(tree: ast.expr) -> Column:
    """The column of a single call."""
    match tree:
        case ast.Call(func=ast.Name(id="normalize_by_unit"), args=[inner], keywords=[unit]):
            return _call(inner) | {"timeScale": ast.literal_eval(unit.value)}
        case ast.Call(func=ast.Name(id=function), args=arguments, keywords=options) if function in FUNCTIONS:
            given = {str(each.arg): ast.literal_eval(each.value) for each in options}
            return _metric(function, [ast.unparse(each) for each in arguments], given)
    raise ValueError(f"{ast.unparse(tree)} isn't a metric: see kibana/dashboards/expression.py")


def _metric(function: str, fields: list[str], options: dict[str, Any]) -> Column:
    """A column that Elasticsearch computes from one field, or from the documents themselves."""
    column = _number(function, "")
    [column["sourceField"]] = fields or ["___records___"]
    column["params"] = {"emptyAsNull": True} if function in {"count", "sum"} else {}
    if function == "percentile":
        column["params"] = {"percentile": options.pop("percentile")}
    if function == "last_value":
        column["params"] = {"sortField": "@timestamp", "showArrayValues": False}
        column["dataType"] = options.pop("kind", "number")
        column["scale"] = "ratio" if column["dataType"] == "number" else "ordinal"
    if query := options.pop("kql", None):
        column["filter"] = {"language": "kuery", "query": query}
    if options:
        raise ValueError(f"{function}() knows no {', '.join(options)}")
    return column


def _number(operation: str, label: str) -> Column:
    """What all columns of numbers have in common."""
    return {
        "operationType": operation,
        "label": label,
        "customLabel": True,
        "dataType": "number",
        "isBucketed": False,
        "scale": "ratio",
    }
