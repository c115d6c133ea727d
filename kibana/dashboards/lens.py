"""A Lens panel: its layers of columns, and what is drawn of them."""

from dataclasses import dataclass, field
from typing import Any, Final

from dashboards import expression
from dashboards.columns import bucket, named, over_time
from dashboards.expression import Column

DATA: Final = "data"
LINES: Final = "lines"
#: The bars lie flat: names of tasks are long.
SERIES: Final = {"line": "line", "area": "area", "bar": "bar_stacked", "ranking": "bar_horizontal"}
TYPES: Final = dict.fromkeys(SERIES, "lnsXY") | {
    "table": "lnsDatatable",
    "metric": "lnsMetric",
    "heatmap": "lnsHeatmap",
}


@dataclass(frozen=True, kw_only=True)
class Layer:
    """The columns of a panel, in the order in which Lens nests them, and which of them are what."""

    rows: list[str] = field(default_factory=list)
    across: str | None = None
    split: str | None = None
    time: str | None = None
    metrics: list[str] = field(default_factory=list)
    columns: dict[str, Column] = field(default_factory=dict)


def attributes(source: dict[str, Any], view: str) -> dict[str, Any]:
    """What a panel of kind Lens shows; *view* is the id of its data view."""
    layer, kind = read(source), source["kind"]
    layers = {DATA: layer.columns} | ({LINES: fixed(source["lines"])} if "lines" in source else {})
    return {
        "title": source["title"],
        "description": "",
        "type": "lens",
        "visualizationType": TYPES[kind],
        "references": [reference(each, view) for each in layers],
        "state": {
            "query": {"language": "kuery", "query": source.get("filter", "")},
            "filters": [],
            "internalReferences": [],
            "adHocDataViews": {},
            "datasourceStates": {"formBased": {"layers": _stated(layers, source)}},
            "visualization": _visualization(kind, source, layer),
        },
    }


def reference(layer: str, view: str) -> dict[str, str]:
    """What ties a layer to its data view."""
    return {"type": "index-pattern", "id": view, "name": f"indexpattern-datasource-layer-{layer}"}


def read(source: dict[str, Any]) -> Layer:
    """The columns that the source of a panel asks for.

    Terms precede time, and those across a table its rows: one choice for all time and for all rows.
    """
    across = {named(each["field"]): bucket(each) for each in [source["across"]]} if "across" in source else {}
    rows = {named(each["field"]): bucket(each) for each in source.get("rows", [])}
    split = {named(each["field"]): bucket(each) for each in [source["split"]]} if "split" in source else {}
    time = {"time": over_time()} if source["kind"] in {"line", "area", "bar", "heatmap"} else {}
    metrics: dict[str, Column] = {}
    for label, text in source["metrics"].items():
        shown = source.get("formats", {}).get(label, "percent")
        metrics |= expression.columns(named(label), label, text, shown)
    return Layer(
        rows=list(rows),
        across=next(iter(across), None),
        split=next(iter(split), None),
        time=next(iter(time), None),
        metrics=[named(label) for label in source["metrics"]],
        columns=across | rows | split | time | metrics,
    )


def fixed(lines: list[dict[str, Any]]) -> dict[str, Column]:
    """The columns of lines drawn at a fixed height."""
    return {
        named(each["label"]): {
            "operationType": "static_value",
            "label": each["label"],
            "customLabel": True,
            "dataType": "number",
            "isBucketed": False,
            "isStaticValue": True,
            "scale": "ratio",
            "params": {"value": str(each["value"])},
            "references": [],
        }
        for each in lines
    }


def _stated(layers: dict[str, dict[str, Column]], source: dict[str, Any]) -> dict[str, Any]:
    """The layers as the state of the data source keeps them."""
    return {
        name: {
            "columnOrder": list(columns),
            "columns": columns,
            "ignoreGlobalFilters": source.get("unfiltered", False),
            "incompleteColumns": {},
            "sampling": 1,
        }
        for name, columns in layers.items()
    }


def _visualization(kind: str, source: dict[str, Any], layer: Layer) -> dict[str, Any]:
    """What is drawn, by kind."""
    match kind:
        case "table":
            return _table(source, layer)
        case "metric":
            return {"layerId": DATA, "layerType": "data", "metricAccessor": layer.metrics[0]}
        case "heatmap":
            return _heatmap(layer)
        case _:
            return _xy(kind, source, layer)


def headings(source: dict[str, Any]) -> dict[str, str]:
    """The columns of a table from left to right: heading → id."""
    rows = {each["label"]: named(each["field"]) for each in source["rows"]}
    return rows | {label: named(label) for label in source["metrics"]}


def _table(source: dict[str, Any], layer: Layer) -> dict[str, Any]:
    """A table; a click on a term of a row with `click` filters the dashboard by it.

    Every column has a width: Kibana gives the others 100 px each, and so cuts names and the last columns.
    """
    clickable = {named(each["field"]) for each in source["rows"] if each.get("click")}
    columns = [
        {
            "columnId": name,
            "width": source["widths"][label],
            "isMetric": name in layer.metrics,
            "isTransposed": False,
        }
        | ({"oneClickFilter": True} if name in clickable else {})
        for label, name in headings(source).items()
    ]
    if layer.across:
        columns.insert(0, {"columnId": layer.across, "isMetric": False, "isTransposed": True})
    sorting = (
        {"sorting": {"columnId": named(source["sort"]), "direction": "desc"}} if "sort" in source else {}
    )
    return {
        "layerId": DATA,
        "layerType": "data",
        "columns": columns,
        "headerRowHeight": "auto",
        **sorting,
        "paging": {"enabled": True, "size": 20},
    }


def _heatmap(layer: Layer) -> dict[str, Any]:
    """Time to the right, the rows upwards, the metric as colour."""
    return {
        "layerId": DATA,
        "layerType": "data",
        "shape": "heatmap",
        "xAccessor": layer.time,
        "yAccessor": layer.rows[0],
        "valueAccessor": layer.metrics[0],
        "legend": {"type": "heatmap_legend", "isVisible": True, "position": "right"},
        "gridConfig": {
            "type": "heatmap_grid",
            "isCellLabelVisible": False,
            "isXAxisLabelVisible": True,
            "isXAxisTitleVisible": False,
            "isYAxisLabelVisible": True,
            "isYAxisTitleVisible": False,
        },
    }


def _xy(kind: str, source: dict[str, Any], layer: Layer) -> dict[str, Any]:
    """Lines or bars. A line is drawn over gaps: a bucket of time without a value isn't zero."""
    sides = ("x", "yLeft", "yRight")
    data = {
        "layerId": DATA,
        "layerType": "data",
        "seriesType": SERIES[kind],
        "accessors": layer.metrics,
        "xAccessor": layer.time or layer.rows[0],
        "position": "top",
        "showGridlines": False,
    }
    return {
        "preferredSeriesType": SERIES[kind],
        "layers": [data | ({"splitAccessor": layer.split} if layer.split else {}), *_fixed(source)],
        "legend": _legend(layer),
        "fittingFunction": "Linear",
        "valueLabels": "hide",
        "yTitle": "",
        "axisTitlesVisibilitySettings": {"x": False, "yLeft": False, "yRight": True},
        "tickLabelsVisibilitySettings": dict.fromkeys(sides, True),
        "gridlinesVisibilitySettings": dict.fromkeys(sides, True),
        "labelsOrientation": dict.fromkeys(sides, 0),
    }


def _legend(layer: Layer) -> dict[str, Any]:
    """The legend of a chart: for the names of a split as wide as Kibana has it, and three lines for each.

    Not any number of lines: some versions of Kibana's API can't express that, and cut after the first.
    """
    if not layer.split:
        return {"isVisible": len(layer.metrics) > 1, "position": "right"}
    return {
        "isVisible": True,
        "position": "right",
        "legendSize": "xlarge",
        "shouldTruncate": True,
        "maxLines": 3,
    }


def _fixed(source: dict[str, Any]) -> list[dict[str, Any]]:
    """The layer of lines at a fixed height. Kibana has 20 px for a label: the title says it instead."""
    if "lines" not in source:
        return []
    names = list(fixed(source["lines"]))
    style = {"axisMode": "left", "color": "#BD271E", "lineStyle": "dashed", "lineWidth": 2, "fill": "none"}
    return [
        {
            "layerId": LINES,
            "layerType": "referenceLine",
            "accessors": names,
            "yConfig": [{"forAccessor": each, "textVisibility": False} | style for each in names],
        }
    ]
