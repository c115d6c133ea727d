"""Checks that a person can read the dashboards: nothing is cut at 1280 and 1600 px, and nothing misleads.

Numbers of px that stand here without a reason were measured in pictures of a Kibana 8.12.2.
"""

import json

from panels import saved, screen

#: Whose values are names of tasks and queues: `shop.reports.build_monthly_statement` needs 267 px.
NAMES = {"task.name", "queue.name"}
NAME_WIDTH = 260
#: The longest values of each format of the data views, and of plain numbers.
LONGEST = {"duration": "999.99 ms", "bytes": "999.9MB", "percent": "100.0%", None: "9,999,999"}
#: The same for fields of a Discover session.
#: A release, as it stands before the heading of each column that is made for it.
RELEASE = "2026.11.26"
DOCUMENT = {"@timestamp": "Nov 25, 2026 @ 23:29:20.170", "task.id": "39d65eea-ebd7-43e9-9cf4-8a1c2a3b4c5d"}
#: The longest words of fields that have few.
WORDS = {"verdict.state": "unknown", "verdict.cause": "workers-not-consuming"}
#: A table leaves so much of its panel unused at most: what is left belongs to the names.
UNUSED = 0.1
LEGEND = {None: 130, "auto": 130, "small": 80, "medium": 130, "large": 180, "xlarge": 230}
CONTROL_WIDTH = {"small": 224, "medium": 400, "large": 800}


def faults(found):
    """What can't be read, a sentence each."""
    sessions = {each["id"]: each for each in saved.of_type(found, "search")}
    views = {each["id"]: each["attributes"] for each in saved.of_type(found, "index-pattern")}
    for each in sessions.values():
        yield from session(each)
    for board in saved.boards(found):
        yield from controls(board)
        for panel in board.panels:
            yield from title(panel)
            if panel.kind == "search":
                shown = sessions[board.view(f"{panel.id}:{panel.reference}")]
                yield from documents(panel, shown, views[shown["references"][0]["id"]])
            else:
                yield from lens(panel, formats(views[board.layer_view(panel, "data")]))


def formats(view):
    """The name of each field's format."""
    return {name: each["id"] for name, each in json.loads(view["fieldFormatMap"]).items()}


def labels(view):
    """What Kibana calls the fields that a data view renames."""
    return {name: each["customLabel"] for name, each in json.loads(view["fieldAttrs"]).items()}


def lens(panel, how):
    """A Lens panel; *how* has the formats of its fields."""
    yield from SHOWN[panel.attributes["visualizationType"]](panel, how)


def title(panel):
    """A title stands in one line, beside the panel's menu; that of a session has an icon behind it."""
    words = panel.config["title"]
    needs = screen.text(words, 12, 700) + (20 if panel.kind == "search" else 0)
    for page in screen.PAGES:
        has = screen.panel(panel.grid["w"], page) - 42
        if needs > has:
            yield f"{panel.place}: its title needs {needs:.0f} px and has {has:.0f} at {page}"


def controls(board):
    """The lists above the panels stand in one line."""
    widths = [CONTROL_WIDTH[each["width"]] for each in board.controls.values()]
    for page in screen.PAGES:
        has = screen.panel(screen.COLUMNS, page)
        needs = sum(widths) + screen.GAP * (len(widths) - 1)
        if needs > has:
            yield f"{board.id}: its controls need {needs} px and have {has:.0f} at {page}"


# Tables


def table(panel, how):
    """Every column has a width, all fit into the panel, and no name, heading or number is cut."""
    columns = panel.layers["data"]["columns"]
    across = next((each["columnId"] for each in panel.drawn["columns"] if each["isTransposed"]), None)
    widths = {each["columnId"]: each.get("width") for each in panel.drawn["columns"]}
    widths.pop(across, None)
    if missing := [name for name, width in widths.items() if not isinstance(width, int)]:
        yield f"{panel.place}: no width for {', '.join(missing)}"
        return
    times = columns[across]["params"]["size"] if across else 1
    needs = sum(px * (1 if columns[name]["isBucketed"] else times) for name, px in widths.items())
    yield from total(panel, needs)
    for name, width in widths.items():
        column = columns[name]
        if across and not column["isBucketed"]:
            yield from heading(panel, name, f"{RELEASE} > {column['label']}", width)
        yield from narrow(panel, name, column.get("sourceField"), width)
        yield from heading(panel, name, column["label"], width)
        if not column["isBucketed"]:
            needs = screen.text(longest(column, how), 14, 400) + 12
            if needs > width:
                yield f"{panel.place}: a value of {name} needs {needs:.0f} px and has {width}"


def narrow(panel, name, field, width):
    """A column of names has room for one."""
    if field in NAMES and width < NAME_WIDTH:
        yield f"{panel.place}: {name} has {width} px, and a name needs {NAME_WIDTH}"


def total(panel, needs):
    """The columns fill the panel at the smaller page, and don't leave it at any. 8 px are at both sides."""
    for page in screen.PAGES:
        has = screen.panel(panel.grid["w"], page) - 16
        if needs > has:
            yield f"{panel.place}: its columns need {needs} px and have {has:.0f} at {page}"
        elif page == min(screen.PAGES) and needs < has * (1 - UNUSED):
            yield f"{panel.place}: its columns leave {has - needs:.0f} px of {has:.0f} unused"


def heading(panel, name, label, width):
    """A heading wraps between words if the table lets it; beside it are a menu and the arrow of the order."""
    wraps = panel.drawn.get("headerRowHeight") == "auto"
    measured = screen.longest_word if wraps else screen.text
    beside = 50 if name == panel.drawn.get("sorting", {}).get("columnId") else 28
    needs = measured(label, 14, 700) + beside
    if needs > width:
        yield f"{panel.place}: the heading {label} needs {needs:.0f} px and has {width}"


def longest(column, how):
    """The longest value of a metric."""
    match column["dataType"]:
        case "date":
            return DOCUMENT["@timestamp"]
        case "string":
            return WORDS[column["sourceField"]]
        case _:
            return LONGEST[format_of(column, how)]


def format_of(column, how):
    """The format of a column's numbers: the formula's own, else that of its field."""
    return column["params"].get("format", {}).get("id") or how.get(column.get("sourceField"))


# Charts and single numbers


def xy(panel, how):
    """Legends show whole names; lines have no label that Kibana would cut; no bar for what is missing."""
    data, *others = panel.drawn["layers"]
    legend, columns = panel.drawn["legend"], panel.layers["data"]["columns"]
    if legend["isVisible"]:
        yield from whole(panel, legend, None if data.get("splitAccessor") else data["accessors"], columns)
    for each in others:
        for line in each["yConfig"]:
            if line["textVisibility"]:
                yield f"{panel.place}: Kibana has 20 px for the label of the line {line['forAccessor']}"
    if data["seriesType"] == "bar_horizontal" and columns[data["xAccessor"]]["params"]["missingBucket"]:
        yield f"{panel.place}: a bar says (missing value)"


def whole(panel, legend, accessors, columns):
    """A legend has room for names that we don't know, or for the labels of *accessors*."""
    if legend["position"] in {"top", "bottom"}:
        return
    size = LEGEND[legend.get("legendSize")]
    if accessors is None:
        if size < LEGEND["xlarge"] or legend.get("maxLines", 1) < 3:
            yield f"{panel.place}: its legend cuts names"
    elif any(screen.text(columns[each]["label"], 12, 400) + 46 > size for each in accessors):
        yield f"{panel.place}: its legend cuts labels"
    if size > screen.panel(panel.grid["w"], min(screen.PAGES)) / 2:
        yield f"{panel.place}: its legend is wider than its chart"


def metric(panel, how):
    """The label of a single number stands in one line."""
    words = panel.layers["data"]["columns"][panel.drawn["metricAccessor"]]["label"]
    needs = screen.text(words, 16, 700)
    for page in screen.PAGES:
        has = screen.panel(panel.grid["w"], page) - 24
        if needs > has:
            yield f"{panel.place}: the label {words} needs {needs:.0f} px and has {has:.0f} at {page}"


def heatmap(panel, how):
    """The first range is drawn on top: the highest one."""
    ranges = panel.layers["data"]["columns"][panel.drawn["yAccessor"]]["params"]["ranges"]
    lows = [each["from"] or 0 for each in ranges]
    if lows != sorted(lows, reverse=True):
        yield f"{panel.place}: its lowest range is on top"


SHOWN = {"lnsDatatable": table, "lnsXY": xy, "lnsMetric": metric, "lnsHeatmap": heatmap}


# Discover sessions


def session(found):
    """A session shows something when it is opened alone, and many rows of it."""
    attributes = found["attributes"]
    if not attributes["timeRestore"] or attributes.get("timeRange") != {"from": "now-24h", "to": "now"}:
        yield f"{found['id']}: opened alone it shows the last 15 minutes"
    if "refreshInterval" not in attributes:
        yield f"{found['id']}: it has a time range and no refreshInterval"
    if attributes.get("rowHeight") not in {1, 2}:
        yield f"{found['id']}: a row is higher than two lines"


def documents(panel, found, view):
    """The columns of a session fit into its panel, and its names and headings into them."""
    attributes = found["attributes"]
    names = ["@timestamp", *attributes["columns"]]
    widths = {name: each["width"] for name, each in attributes["grid"].get("columns", {}).items()}
    if missing := [name for name in names if name not in widths]:
        yield f"{panel.place}: no width for {', '.join(missing)}"
        return
    needs = 56 + sum(widths.values())
    for page in screen.PAGES:
        has = screen.panel(panel.grid["w"], page)
        if needs > has:
            yield f"{panel.place}: its columns need {needs} px and have {has:.0f} at {page}"
    for name, width in widths.items():
        yield from narrow(panel, name, name, width)
        yield from field(panel, name, width, name == attributes["sort"][0][0], view)


def field(panel, name, width, sorts, view):
    """A field's heading stands in one line beside its type, its menu and the arrow of the order."""
    needs = screen.text(labels(view).get(name, name), 12, 700) + (76 if sorts else 52)
    if needs > width:
        yield f"{panel.place}: the heading of {name} needs {needs:.0f} px and has {width}"
    how = formats(view)
    longest = DOCUMENT.get(name) or (LONGEST[how[name]] if name in how else "")
    needs = screen.monospace(longest, 12) + 8
    if needs > width:
        yield f"{panel.place}: a value of {name} needs {needs:.0f} px and has {width}"
