"""A metric: an expression in the language of Lens formulas, and the Lens columns it becomes.

A single call is one column: `max(event.duration)`, `percentile(event.duration, percentile=95)`,
`count(kql='event.outcome : "failure"')`, `normalize_by_unit(sum(queue.arrivals), unit='m')`.
`last_value(verdict.state, kind='string')` is that of the latest document, a number unless *kind* says else.
One call divided by another is a formula, whose parts are columns of their own, hidden ones.
"""

import ast
from typing import Any, Final

Column = dict[str, Any]

FUNCTIONS: Final = {"max", "min", "sum", "average", "percentile", "count", "last_value"}
PERCENT: Final = {"id": "percent", "params": {"decimals": 1}}


def columns(name: str, label: str, text: str) -> dict[str, Column]:
    """The columns of the metric *text*, the one to show first: its id is *name*. Raises `ValueError`."""
    tree = ast.parse(text, mode="eval").body
    if isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Div):
        return _ratio(name, label, text, tree)
    return {name: _call(tree) | {"label": label, "customLabel": True}}


def _ratio(name: str, label: str, text: str, tree: ast.BinOp) -> dict[str, Column]:
    """A formula, as Lens keeps it: its text, its parts, and the arithmetic over the parts."""
    parts: dict[str, Column] = {}
    ends = [_part(side, name, f"Part of {label}", parts) for side in (tree.left, tree.right)]
    quotient = f"{name}X{len(parts)}"
    parts[quotient] = _number("math", f"Part of {label}") | {
        "references": ends,
        "params": {
            "tinymathAst": {
                "type": "function",
                "name": "divide",
                "args": ends,
                "location": {"min": 0, "max": len(text)},
                "text": text,
            }
        },
    }
    formula = _number("formula", label) | {
        "references": [quotient],
        "params": {"formula": text, "isFormulaBroken": False, "format": PERCENT},
    }
    return {name: formula} | parts


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
