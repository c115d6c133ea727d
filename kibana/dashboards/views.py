"""Data views and Discover sessions."""

from typing import Any, Final

from dashboards.writing import compact, saved

VIEW: Final = "8.0.0"
SESSION: Final = "10.1.0"
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
        "timeFieldName": "@timestamp",
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
    """A Discover session: documents in order, in columns."""
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
        "columns": source["columns"],
        "sort": [source["sort"]],
        "grid": {},
        "hideChart": True,
        "isTextBasedQuery": False,
        "rowsPerPage": 50,
        "timeRestore": False,
        "kibanaSavedObjectMeta": {"searchSourceJSON": compact(search)},
    }
    reference = {"type": "index-pattern", "id": views[source["view"]], "name": name}
    return saved("search", source["id"], SESSION, attributes, [reference])
