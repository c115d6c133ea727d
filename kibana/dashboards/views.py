"""Data views and Discover sessions."""

from typing import Any, Final

from dashboards.writing import compact, saved

VIEW: Final = "8.0.0"
SESSION: Final = "10.1.0"
TIME: Final = "@timestamp"  #: Kibana puts this column in front by itself
FORMATS: Final = {
    "duration": {
        "id": "duration",
        "params": {
            "inputFormat": "nanoseconds",
            "outputFormat": "humanizePrecise",
            "outputPrecision": 2,
            "useShortSuffix": True,
        },
    },
    "bytes": {"id": "bytes"},
    "percent": {"id": "percent", "params": {"pattern": "0,0.[0]%"}},
}


def view(source: dict[str, Any]) -> dict[str, Any]:
    """A data view. Kibana asks Elasticsearch for the fields; no data yet is no error."""
    formats = {field: FORMATS[name] for field, name in source.get("formats", {}).items()}
    labels = {field: {"customLabel": label} for field, label in source.get("labels", {}).items()}
    attributes = {
        "title": source["title"],
        "name": source["name"],
        "timeFieldName": TIME,
        "allowNoIndex": True,
        "fieldFormatMap": compact(formats),
        "fieldAttrs": compact(labels),
        "fields": "[]",
        "runtimeFieldMap": "{}",
        "sourceFilters": "[]",
        "typeMeta": "{}",
    }
    return saved("index-pattern", source["id"], VIEW, attributes, [])


def session(source: dict[str, Any], views: dict[str, str]) -> dict[str, Any]:
    """A Discover session: documents in order, in columns of given widths.

    Opened alone it shows its own time range; on a dashboard, that of the dashboard.
    """
    name = "kibanaSavedObjectMeta.searchSourceJSON.index"
    search = {
        "query": {"language": "kuery", "query": ""},
        "filter": [],
        "highlightAll": True,
        "indexRefName": name,
        "version": True,
    }
    attributes = {
        "title": source["title"],
        "description": source["description"],
        "columns": [each for each in source["columns"] if each != TIME],
        "sort": [source["sort"]],
        "grid": {"columns": {field: {"width": width} for field, width in source["columns"].items()}},
        "rowHeight": source["lines"],
        "hideChart": True,
        "isTextBasedQuery": False,
        "rowsPerPage": 50,
        "timeRestore": True,
        "timeRange": {"from": source["from"], "to": "now"},
        "refreshInterval": {"pause": True, "value": 60_000},
        "kibanaSavedObjectMeta": {"searchSourceJSON": compact(search)},
    }
    reference = {"type": "index-pattern", "id": views[source["view"]], "name": name}
    return saved("search", source["id"], SESSION, attributes, [reference])
