"""Asks Elasticsearch what Kibana would ask for each panel, and finds fault with the answers.

Lens nests the buckets in the order of its columns, with the metrics in the innermost; terms are sorted by
a metric beside them. A formula is computed from its parts, as Kibana does in the browser.
"""

import json
import re
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from operator import mul, sub, truediv

from panels import kql, saved
from panels.structure import NEEDS_NO_FIELD, TAKES

BUCKETS = 40
OPERATIONS = {"average": "avg"}
#: A time that counts from now, as a value in JSON.
NOW = re.compile(r'"now([-+]\w+)"(?!:)')
ARITHMETIC = {"divide": truediv, "multiply": mul, "subtract": sub}


@dataclass(frozen=True, kw_only=True)
class Store:
    """Where to ask: *request* takes method, path and body, and returns the JSON that was answered."""

    request: object
    namespace: str  # of the data streams
    start: str
    end: str
    capabilities: dict = field(default_factory=dict)

    def index(self, title):
        return title.removesuffix("*") + self.namespace

    def search(self, title, body, text="", start=None):
        """The answer to *body*, in the time range, narrowed by KQL; `now` in it is the end of the range."""
        time = {"range": {"@timestamp": {"gte": start or self.start, "lte": self.end}}}
        query = {"bool": {"filter": [time, kql.query(text)]}}
        asked = NOW.sub(rf'"{self.end}||\1"', json.dumps(body | {"query": query}))
        return self.request("POST", f"/{self.index(title)}/_search", json.loads(asked))

    def types(self, title, name):
        """What Elasticsearch can do with a field, by its type; nothing if it doesn't know it."""
        if title not in self.capabilities:
            path = f"/{self.index(title)}/_field_caps?fields=*"
            self.capabilities[title] = self.request("GET", path)["fields"]
        return self.capabilities[title].get(name, {})


def faults(found, store):
    """What is wrong with what the panels ask, a sentence each."""
    titles = saved.titles(found)
    sessions = {each["id"]: each for each in saved.of_type(found, "search")}
    for board in saved.boards(found):
        for panel in board.panels:
            if panel.kind == "search":
                yield from session(sessions[board.view(f"{panel.id}:{panel.reference}")], titles, store)
            else:
                yield from lens(panel, titles[board.layer_view(panel, "data")], store)
        for name, control in board.controls.items():
            yield from listed(board, name, control, titles[board.control_view(name)], store)


def lens(panel, title, store):
    """A Lens panel: its fields are capable, and it shows something, in the order it promises."""
    layer = panel.layers["data"]
    incapable = [
        fault for column in layer["columns"].values() for fault in capable(panel.place, column, title, store)
    ]
    yield from incapable
    if incapable:
        return
    answer = rows(panel, title, store)
    if not answer:
        yield f"{panel.place}: it shows nothing"
        return
    yield from blank(panel, layer, answer)
    yield from unsorted(panel, layer, answer)


def capable(place, column, title, store):
    """Elasticsearch has the field, can aggregate it, and has it in a type that fits."""
    operation = column["operationType"]
    if operation in NEEDS_NO_FIELD or operation == "count":
        return
    name = column["sourceField"]
    types = store.types(title, name)
    if not types:
        yield f"{place}: Elasticsearch has no field {name}"
    for kind, ability in types.items():
        if not ability["aggregatable"] or kind not in TAKES[operation]:
            yield f"{place}: Elasticsearch has {name} as {kind}, which {operation} can't take"


def rows(panel, title, store):
    """What a panel shows: a dict of its columns for each row."""
    layer = panel.layers["data"]
    body = {"size": 0, "aggs": nested(layer, layer["columnOrder"], store)}
    answer = store.search(title, body, panel.filter, panel.config.get("timeRange", {}).get("from"))
    found = list(unnested(layer, layer["columnOrder"], answer["aggregations"], {}))
    for name, column in layer["columns"].items():
        if column["operationType"] == "formula":
            for row, value in zip(found, computed(layer["columns"], name, found), strict=True):
                row[name] = value
    return in_order(panel, layer, found)


def in_order(panel, layer, found):
    """The rows as a table sorts them in the browser by a formula, by which Elasticsearch can't."""
    if not sorted_by_formula(panel, layer):
        return found
    by = panel.drawn["sorting"]["columnId"]
    return sorted(found, key=lambda row: (row[by] is None, -(row[by] or 0)))


def sorted_by_formula(panel, layer):
    """Whether a table is sorted by a formula."""
    by = panel.drawn.get("sorting", {}).get("columnId")
    return by is not None and layer["columns"][by]["operationType"] == "formula"


def nested(layer, order, store):
    """The aggregations of the columns in *order*."""
    there = layer["columns"]
    if not order or not there[order[0]]["isBucketed"]:
        return dict(single(name, there[name]) for name in order if asked(there[name]))
    first, *rest = order
    inner = nested(layer, rest, store)
    by = there[first].get("params", {}).get("orderBy", {}).get("columnId")
    if by:
        inner |= dict([single(by, there[by])])
    if own := there[first].get("params", {}).get("orderAgg"):
        inner |= dict([single(f"{first}-order", own)])
    return {first: bucket(first, there, store) | {"aggs": inner}}


def asked(column):
    """Whether Elasticsearch computes a column."""
    return column["operationType"] not in NEEDS_NO_FIELD


def single(name, column):
    """The aggregation of a metric; a filter of its own goes around it."""
    operation = column["operationType"]
    found = {OPERATIONS.get(operation, operation): {"field": column["sourceField"]}}
    if operation == "count":
        found = {"value_count": {"field": "@timestamp"}}
    if operation == "percentile":
        found = {
            "percentiles": {"field": column["sourceField"], "percents": [column["params"]["percentile"]]}
        }
    if operation == "last_value":  # Kibana asks for `top_metrics`, which not every Elasticsearch has
        latest = {column["params"]["sortField"]: "desc"}
        found = {"top_hits": {"size": 1, "sort": latest, "_source": False, "fields": [column["sourceField"]]}}
    if "filter" in column:
        found = {"filter": kql.query(column["filter"]["query"]), "aggs": {"of": found}}
    return name, found


def bucket(first, there, store):
    """The aggregation of the bucket *first*."""
    column = there[first]
    name, params = column["sourceField"], column["params"]
    match column["operationType"]:
        case "date_histogram":
            interval = max(1, (milliseconds(store.end) - milliseconds(store.start)) // BUCKETS)
            return {"date_histogram": {"field": name, "fixed_interval": f"{interval}ms", "min_doc_count": 0}}
        case "range":
            bounds = [
                {key: each[key] for key in ("from", "to") if each[key] is not None}
                for each in params["ranges"]
            ]
            return {"range": {"field": name, "ranges": bounds}}
        case _:
            missing = {"missing": "(none)"} if params["missingBucket"] else {}
            return {
                "terms": {"field": name, "size": params["size"], "order": sorting(first, there)} | missing
            }


def milliseconds(time):
    return int(datetime.fromisoformat(time).timestamp() * 1000)


def sorting(first, there):
    """By a metric beside the bucket, by one of its own, or by name."""
    params = there[first]["params"]
    by, direction = params["orderBy"], params["orderDirection"]
    if by["type"] == "custom":
        return {f"{first}-order": direction}
    return {path(by["columnId"], there) if by["type"] == "column" else "_key": direction}


def path(name, there):
    """Where Elasticsearch finds the value of a metric to sort by."""
    inner = ">of" if "filter" in there[name] else ""
    percentile = there[name].get("params", {}).get("percentile")
    return f"{name}{inner}{'' if percentile is None else f'.{percentile}'}"


def unnested(layer, order, answer, row):
    """The rows of an answer, buckets unfolded."""
    there = layer["columns"]
    if not order or not there[order[0]]["isBucketed"]:
        yield row | {name: number(there[name], answer[name]) for name in order if asked(there[name])}
        return
    first, *rest = order
    for each in answer[first]["buckets"]:
        if each["doc_count"]:
            by = there[first].get("params", {}).get("orderBy", {}).get("columnId")
            sort = {f"{first} by": number(there[by], each[by])} if by else {}
            if f"{first}-order" in each:
                sort = {f"{first} by": each[f"{first}-order"]["value"]}
            yield from unnested(layer, rest, each, row | {first: each["key"]} | sort)


def number(column, answer):
    """The value of a metric; None if there is none."""
    answer = answer.get("of", answer)
    if "hits" in answer:
        [hit] = answer["hits"]["hits"]
        return hit.get("fields", {}).get(column["sourceField"], [None])[0]
    return next(iter(answer["values"].values())) if "values" in answer else answer["value"]


def computed(there, name, found):
    """A formula's value in each row."""
    column = there[name]
    match column["operationType"]:
        case "formula":
            return computed(there, column["references"][0], found)
        case "math":
            return calculated(column["params"]["tinymathAst"], there, found)
        case "overall_sum":
            total = sum(filter(None, computed(there, column["references"][0], found)))
            return [total] * len(found)
        case _:
            return [row[name] for row in found]


def calculated(arithmetic, there, found):
    """The value of a part of a formula's arithmetic in each row; None where a part of it is unknown."""
    if isinstance(arithmetic, str):
        return computed(there, arithmetic, found)
    one, other = (calculated(each, there, found) for each in arithmetic["args"])
    name = arithmetic["name"]
    return [
        None if None in (a, b) or (name == "divide" and not b) else ARITHMETIC[name](a, b)
        for a, b in zip(one, other, strict=True)
    ]


def blank(panel, layer, answer):
    """Every metric shows something other than nothing and 0 in some row; the least of something may be 0."""
    for name, column in layer["columns"].items():
        values = [row[name] for row in answer if name in row]
        least = column["operationType"] == "min"
        if values and not column["isBucketed"] and not any(v or (least and v == 0) for v in values):
            yield f"{panel.place}: {name} ({column['label']}) shows nothing"


def unsorted(panel, layer, answer):
    """Terms are in the order that their column asks for; a table of one bucket, in the table's own, too."""
    there = layer["columns"]
    for name in layer["columnOrder"][: 0 if sorted_by_formula(panel, layer) else 1]:
        params = there[name].get("params", {})
        if there[name]["operationType"] == "terms":
            key = name if params["orderBy"]["type"] == "alphabetical" else f"{name} by"
            yield from out_of_order(panel, key, params["orderDirection"], firsts(answer, name, key))
    if "sorting" in panel.drawn and sum(each["isBucketed"] for each in there.values()) == 1:
        key = panel.drawn["sorting"]["columnId"]
        yield from out_of_order(panel, key, panel.drawn["sorting"]["direction"], [row[key] for row in answer])


def firsts(answer, name, key):
    """*key* of the first row of each bucket."""
    return list({row[name]: row[key] for row in reversed(answer)}.values())[::-1]


def out_of_order(panel, key, direction, values):
    wrong = [
        (one, other)
        for one, other in pairwise([each for each in values if each is not None])
        if (one < other if direction == "desc" else one > other)
    ]
    if wrong:
        yield f"{panel.place}: it isn't sorted by {key}: {wrong[0][0]} comes before {wrong[0][1]}"


def session(found, titles, store):
    """A Discover session shows documents, in its order, with something in every column."""
    attributes, title = found["attributes"], titles[found["references"][0]["id"]]
    search = json.loads(attributes["kibanaSavedObjectMeta"]["searchSourceJSON"])
    [[by, direction]] = attributes["sort"]
    body = {
        "size": 500,
        "sort": [{by: {"order": direction, "missing": "_last"}}],
        "fields": ["*"],
        "_source": False,
    }
    hits = store.search(title, body, search["query"]["query"])["hits"]["hits"]
    if not hits:
        yield f"{found['id']}: it shows nothing"
    values = [hit["sort"][0] for hit in hits]
    if values != sorted(values, reverse=direction == "desc"):
        yield f"{found['id']}: it isn't sorted by {by}"
    filled = {name for hit in hits for name in hit.get("fields", {})}
    for name in attributes["columns"]:
        if name not in filled:
            yield f"{found['id']}: {name} is empty in every document"


def listed(board, name, control, title, store):
    """A control offers something to choose."""
    field_name = control["explicitInput"]["fieldName"]
    answer = store.search(title, {"size": 0, "aggs": {"offered": {"terms": {"field": field_name}}}})
    if not answer["aggregations"]["offered"]["buckets"]:
        yield f"{board.id}: control {name} offers nothing"
