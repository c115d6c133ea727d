"""Checks saved objects by themselves: references, versions, grid, columns, accessors, fields, types."""

import json
from collections import Counter
from itertools import combinations

from panels import kql, saved
from slowtask.record import event, sample

VERSIONS = {"index-pattern": "8.0.0", "dashboard": "10.2.0", "search": "10.1.0"}
WIDTH = 48
NUMBERS = {"long", "short", "double"}
#: Which types of field an operation takes.
TAKES = {
    "date_histogram": {"date"},
    "terms": {"keyword"},
    "range": NUMBERS,
    **dict.fromkeys(("max", "min", "sum", "average", "percentile"), NUMBERS),
    "last_value": {"date", "keyword"} | NUMBERS,
}
#: What Lens calls the types of a last value.
KINDS = {"date": "date", "keyword": "string"}
RECORDS = "___records___"
NEEDS_NO_FIELD = {"formula", "math", "overall_sum", "static_value"}
#: The fields of the documents behind each data view.
FIELDS = {
    "logs-slowtask.run-*": event.types(),
    "metrics-slowtask.queue-*": event.types(sample.QueueSample) | event.types(sample.BrokerSample),
    "logs-slowtask.alert-*": event.types(sample.Alert),
    "logs-slowtask.unparsed-*": event.types(sample.Unparsed),
}


def faults(found):
    """What is wrong with saved objects, a sentence each."""
    return [
        *identities(found),
        *references(found),
        *(fault for each in saved.of_type(found, "index-pattern") for fault in view(each)),
        *(fault for each in saved.of_type(found, "search") for fault in session(each, found)),
        *(fault for each in saved.boards(found) for fault in board(each, found)),
    ]


def identities(found):
    """One object for an id, of a version that 8.19 and 9 read."""
    for (kind, name), count in Counter((each["type"], each["id"]) for each in found).items():
        if count > 1:
            yield f"{kind} {name}: {count} objects have this id"
    for each in found:
        if each.get("typeMigrationVersion") != VERSIONS.get(each["type"]):
            yield f"{each['type']} {each['id']}: typeMigrationVersion is {each.get('typeMigrationVersion')}"
        if each.get("coreMigrationVersion") != "8.8.0":
            yield f"{each['type']} {each['id']}: coreMigrationVersion is {each.get('coreMigrationVersion')}"


def references(found):
    """Every reference leads to an object of the bundle, under a name of its own."""
    there = {(each["type"], each["id"]) for each in found}
    for each in found:
        for reference in each["references"]:
            if (reference["type"], reference["id"]) not in there:
                named = f"{each['id']}: {reference['name']}"
                yield f"{named} leads to {reference['type']} {reference['id']}, which isn't there"
        for name, count in Counter(reference["name"] for reference in each["references"]).items():
            if count > 1:
                yield f"{each['id']}: {count} references are named {name}"


def view(saved_view):
    """A data view's formats and labels are for fields that there are."""
    attributes, name = saved_view["attributes"], saved_view["id"]
    types = FIELDS.get(attributes["title"])
    if types is None:
        yield f"{name}: {attributes['title']} is none of our data streams"
        return
    for field in json.loads(attributes["fieldFormatMap"]):
        yield from typed(name, field, types, NUMBERS)
    for field in json.loads(attributes["fieldAttrs"]):
        yield from typed(name, field, types)
    yield from typed(name, attributes["timeFieldName"], types, {"date"})


def typed(place, field, types, wanted=None):
    """A field exists, and is of one of the *wanted* types."""
    if field not in types:
        yield f"{place}: there is no field {field}"
    elif wanted and types[field] not in wanted:
        yield f"{place}: {field} is {types[field]}, not one of {', '.join(sorted(wanted))}"


def session(saved_session, found):
    """A Discover session's columns exist, and its order is by a field that has one."""
    attributes, name = saved_session["attributes"], saved_session["id"]
    search = json.loads(attributes["kibanaSavedObjectMeta"]["searchSourceJSON"])
    views = {each["name"]: each["id"] for each in saved_session["references"]}
    types = FIELDS.get(saved.titles(found).get(views.get(search["indexRefName"])))
    if types is None:
        yield f"{name}: no reference {search['indexRefName']} to a data view"
        return
    for field in attributes["columns"]:
        yield from typed(name, field, types)
    for field, _ in attributes["sort"]:
        yield from typed(name, field, types, set(types.values()) - {"text", "object"})


def board(each, found):
    """A dashboard's panels, controls and references agree."""
    yield from grid(each)
    yield from unused(each)
    for panel in each.panels:
        yield from (by_reference if panel.kind == "search" else lens)(each, panel, found)
    for name, control in each.controls.items():
        types = types_of(each.control_view(name), found)
        if types is None:
            yield f"{each.id}: control {name} has no reference to a data view"
        else:
            yield from typed(
                f"{each.id}: control {name}", control["explicitInput"]["fieldName"], types, {"keyword"}
            )


def types_of(view_id, found):
    return FIELDS.get(saved.titles(found).get(view_id))


def grid(each):
    """Panels have ids of their own, don't overlap and don't leave the grid."""
    for name, count in Counter(panel.id for panel in each.panels).items():
        if count > 1:
            yield f"{each.id}: {count} panels have the id {name}"
    for panel in each.panels:
        at = panel.grid
        if at["i"] != panel.id:
            yield f"{panel.place}: its place is that of {at['i']}"
        if min(at["x"], at["y"]) < 0 or min(at["w"], at["h"]) < 1 or at["x"] + at["w"] > WIDTH:
            yield f"{panel.place}: it leaves the grid of {WIDTH} columns"
    for one, other in combinations(each.panels, 2):
        if overlap(one.grid, other.grid):
            yield f"{one.place} overlaps {other.id}"


def overlap(one, other):
    return all(
        one[start] < other[start] + other[size] and other[start] < one[start] + one[size]
        for start, size in (("x", "w"), ("y", "h"))
    )


def unused(each):
    """Each reference of a dashboard is one that Kibana looks for."""
    looked_for = {f"controlGroup_{name}:optionsListDataView" for name in each.controls}
    for panel in each.panels:
        names = [panel.reference] if panel.kind == "search" else map(layer_name, panel.layers)
        looked_for |= {f"{panel.id}:{name}" for name in names}
    for reference in each.references:
        if reference["name"] not in looked_for:
            yield f"{each.id}: nothing uses the reference {reference['name']}"


def layer_name(layer):
    return f"indexpattern-datasource-layer-{layer}"


def by_reference(each, panel, found):
    """A Discover session as a panel: there is one."""
    name = each.view(f"{panel.id}:{panel.reference}")
    if name not in {session["id"] for session in saved.of_type(found, "search")}:
        yield f"{panel.place}: no reference {panel.id}:{panel.reference} to a Discover session"


def lens(each, panel, found):
    """A Lens panel: its layers, their columns, and what is drawn of them."""
    if panel.attributes["visualizationType"] not in DRAWN:
        yield f"{panel.place}: {panel.attributes['visualizationType']} is a type that Kibana 9.5 may drop"
        return
    within = {reference["name"]: reference["id"] for reference in panel.attributes["references"]}
    for name, layer in panel.layers.items():
        view_id = each.layer_view(panel, name)
        if view_id is None or within.get(layer_name(name)) != view_id:
            yield f"{panel.place}: layer {name} lacks a data view: Kibana would drop it silently"
        yield from columns(f"{panel.place}, layer {name}", layer, types_of(view_id, found) or {})
    yield from filtered(panel.place, panel.filter, types_of(each.layer_view(panel, "data"), found) or {})
    if panel.filter and any(layer["ignoreGlobalFilters"] for layer in panel.layers.values()):
        yield f"{panel.place}: a layer that ignores the dashboard's filters ignores the panel's own, too"
    yield from DRAWN[panel.attributes["visualizationType"]](panel)


def columns(place, layer, types):
    """Columns are in order, have fields that fit, and refer to columns that there are."""
    order, there = layer["columnOrder"], layer["columns"]
    if Counter(order) != Counter(there.keys()):
        yield f"{place}: columnOrder and columns differ by {', '.join(sorted(set(order) ^ set(there)))}"
        return
    if list(there) != order:
        yield f"{place}: its columns aren't in the order of columnOrder, by which Kibana's API numbers them"
    bucketed = [there[name]["isBucketed"] for name in order]
    if bucketed != sorted(bucketed, reverse=True):
        yield f"{place}: a metric comes before a bucket"
    yield from shifted(place, there)
    for name, column in there.items():
        yield from source(f"{place}, column {name}", column, types)
        yield from filtered(f"{place}, column {name}", column.get("filter", {}).get("query", ""), types)
        for other in [*column.get("references", []), *arguments(column)]:
            if other not in there:
                yield f"{place}, column {name}: it refers to {other}, which isn't there"
        yield from ordered(f"{place}, column {name}", column, there)
        yield from newest(f"{place}, column {name}", column, types)
        yield from missed(f"{place}, column {name}", column)


def shifted(place, there):
    """Metrics beside terms have the same time shift: Lens shows an error instead of others."""
    shifts = {
        each.get("timeShift") for each in there.values() if "sourceField" in each and not each["isBucketed"]
    }
    if len(shifts) > 1 and any(each["operationType"] == "terms" for each in there.values()):
        yield f"{place}: Lens refuses different time shifts beside terms"


def source(place, column, types):
    """The field of a column exists and is of a type that its operation takes."""
    operation, field = column["operationType"], column.get("sourceField")
    if operation in NEEDS_NO_FIELD:
        return
    if operation == "count":
        if field != RECORDS:
            yield f"{place}: it counts {field}, not records"
    elif operation not in TAKES:
        yield f"{place}: there is no operation {operation}"
    else:
        yield from typed(place, field, types, TAKES[operation])
        yield from kind(place, column, types)


def kind(place, column, types):
    """The last value of a field is of the field's own type."""
    wanted = KINDS.get(types.get(column["sourceField"]), "number")
    if column["operationType"] == "last_value" and column["dataType"] != wanted:
        yield f"{place}: it shows {column['sourceField']} as {column['dataType']}, not as {wanted}"


def arguments(column):
    """The columns that a formula's arithmetic names."""
    return leaves(column.get("params", {}).get("tinymathAst", {"args": []}))


def leaves(arithmetic):
    """The columns in a part of a formula's arithmetic."""
    if isinstance(arithmetic, str):
        return [arithmetic]
    return [name for each in arithmetic["args"] for name in leaves(each)]


def filtered(place, text, types):
    """A KQL filter can be read, and its fields exist."""
    try:
        kql.query(text)
    except kql.KqlError as problem:
        yield f"{place}: {problem}"
        return
    for field in kql.fields(text):
        yield from typed(place, field, types, {"keyword", "date"})


def missed(place, column):
    """Lens leaves out what lacks a field unless there is a bucket of other terms, too."""
    params = column.get("params", {})
    if params.get("missingBucket") and not params.get("otherBucket"):
        yield f"{place}: what lacks {column['sourceField']} is left out without the other terms"


def ordered(place, column, there):
    """Terms are sorted by a column that Elasticsearch can sort by: of its own, not a formula or its part."""
    by = column.get("params", {}).get("orderBy", {})
    if column["operationType"] != "terms" or by.get("type") != "column":
        return
    name = by["columnId"]
    parts = {other for each in there.values() for other in each.get("references", [])}
    if name not in there:
        yield f"{place}: it is sorted by {name}, which isn't there"
    elif there[name]["isBucketed"] or "references" in there[name] or name in parts:
        yield f"{place}: it can't be sorted by {name}"


def newest(place, column, types):
    """Terms that are sorted by a metric of their own have one, of a field that it takes."""
    params = column.get("params", {})
    custom = params.get("orderBy", {}).get("type") == "custom"
    if custom != ("orderAgg" in params):
        yield f"{place}: it is sorted by a metric of its own and has none, or the other way round"
    elif custom:
        yield from typed(place, params["orderAgg"]["sourceField"], types, {"date"})


# What is drawn


def hidden(layer):
    """The parts of formulas: columns that aren't drawn."""
    return {other for each in layer["columns"].values() for other in each.get("references", [])}


def accessors(panel, layer, names, *, bucketed):
    """The columns drawn are there, are no parts, and are buckets or metrics as they must be."""
    there = layer["columns"]
    for name in names:
        if name not in there or name in hidden(layer):
            yield f"{panel.place}: it draws {name}, which is no column of it"
        elif there[name]["isBucketed"] != bucketed:
            yield f"{panel.place}: {name} is drawn as a {'bucket' if bucketed else 'metric'}, and is none"


def table(panel):
    layer = panel.layers[panel.drawn["layerId"]]
    drawn = {each["columnId"]: each for each in panel.drawn["columns"]}
    for name, each in drawn.items():
        yield from accessors(panel, layer, [name], bucketed=not each["isMetric"])
    if left_out := set(layer["columns"]) - set(drawn) - hidden(layer):
        yield f"{panel.place}: {', '.join(sorted(left_out))} isn't drawn"
    if sum(each["isTransposed"] for each in drawn.values()) > 1:
        yield f"{panel.place}: more than one column is spread across it"
    if "sorting" in panel.drawn and panel.drawn["sorting"]["columnId"] not in drawn:
        yield f"{panel.place}: sorted by {panel.drawn['sorting']['columnId']}, which is no column of it"


def metric(panel):
    layer = panel.layers[panel.drawn["layerId"]]
    yield from accessors(panel, layer, [panel.drawn["metricAccessor"]], bucketed=False)


def heatmap(panel):
    layer = panel.layers[panel.drawn["layerId"]]
    yield from accessors(panel, layer, [panel.drawn["xAccessor"], panel.drawn["yAccessor"]], bucketed=True)
    yield from accessors(panel, layer, [panel.drawn["valueAccessor"]], bucketed=False)


def xy(panel):
    drawn = {each["layerId"] for each in panel.drawn["layers"]}
    if drawn != set(panel.layers):
        yield f"{panel.place}: it draws the layers {sorted(drawn)} and has {sorted(panel.layers)}"
        return
    for each in panel.drawn["layers"]:
        layer = panel.layers[each["layerId"]]
        yield from accessors(panel, layer, each["accessors"], bucketed=False)
        if each["layerType"] == "data":
            buckets = [each["xAccessor"], *filter(None, [each.get("splitAccessor")])]
            yield from accessors(panel, layer, buckets, bucketed=True)
            if left_out := set(layer["columns"]) - {*each["accessors"], *buckets} - hidden(layer):
                yield f"{panel.place}: {', '.join(sorted(left_out))} isn't drawn"


DRAWN = {"lnsDatatable": table, "lnsMetric": metric, "lnsHeatmap": heatmap, "lnsXY": xy}
