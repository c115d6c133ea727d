"""Holds every Lens panel of a bundle against the models of kb-dashboard-core, a peer's compiler.

`python tests/support/panels/shapes.py BUNDLE`, by a Python ≥ 3.12 that has it; prints what the models refuse.
They were made from what Kibana writes, and forbid what they don't know, so a misspelt key is found.
"""

import json
import sys
from pathlib import Path

import kb_dashboard_core.panels.charts.lens.columns.view as columns
from kb_dashboard_core.panels.charts.datatable.view import KbnDatatableVisualizationState
from kb_dashboard_core.panels.charts.heatmap.view import KbnHeatmapVisualizationState
from kb_dashboard_core.panels.charts.metric.view import KbnMetricVisualizationState
from kb_dashboard_core.panels.charts.xy.view import KbnXYVisualizationState
from pydantic import ValidationError

DRAWN = {
    "lnsDatatable": KbnDatatableVisualizationState,
    "lnsHeatmap": KbnHeatmapVisualizationState,
    "lnsMetric": KbnMetricVisualizationState,
    "lnsXY": KbnXYVisualizationState,
}
COLUMNS = {
    "terms": columns.KbnLensTermsDimensionColumn,
    "date_histogram": columns.KbnLensDateHistogramDimensionColumn,
    "range": columns.KbnLensCustomIntervalsDimensionColumn,
    "formula": columns.KbnLensFormulaColumn,
    "math": columns.KbnLensMathColumn,
    "static_value": columns.KbnLensStaticValueColumn,
    "overall_sum": columns.KbnLensFullReferenceColumn,
}


def main():
    """How many parts were held against a model, and what was refused."""
    found = [each for line in Path(sys.argv[1]).read_bytes().splitlines() for each in parts(json.loads(line))]
    refused = [f"{place}: {said}" for place, model, part in found for said in refusals(model, part)]
    print(len(found), *refused, sep="\n")


def parts(saved):
    """Each part of a dashboard that there is a model of: place, model, part."""
    if saved["type"] != "dashboard":
        return
    for panel in json.loads(saved["attributes"]["panelsJSON"]):
        if panel["type"] == "lens":
            shown = panel["embeddableConfig"]["attributes"]
            yield (
                panel["panelIndex"],
                DRAWN[shown["visualizationType"]],
                known(shown["state"]["visualization"]),
            )
            for layer in shown["state"]["datasourceStates"]["formBased"]["layers"].values():
                for name, column in layer["columns"].items():
                    model = COLUMNS.get(column["operationType"], columns.KbnLensFieldMetricColumn)
                    if column["operationType"] == "last_value":  # the models know only those of numbers
                        column["scale"] = "ratio"
                    yield f"{panel['panelIndex']}, {name}", model, known(column)


def known(part):
    """*part* without what the models lack, though Kibana's own types have it; ranges by the models' names."""
    lacking = {"showArrayValues", "textVisibility", "timeScale", "orderAgg", "fromUnit", "toUnit"}
    renamed = {"from": "from_value", "to": "to_value"}
    if part == {"type": "custom"}:  # the order of terms, whose metric is `orderAgg`
        return {"type": "alphabetical", "fallback": False}
    if isinstance(part, dict):
        return {renamed.get(key, key): known(each) for key, each in part.items() if key not in lacking}
    return [known(each) for each in part] if isinstance(part, list) else part


def refusals(model, part):
    """What *model* says against *part*."""
    try:
        model.model_validate_json(json.dumps(part))
    except ValidationError as error:
        yield from (f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())


if __name__ == "__main__":
    main()
