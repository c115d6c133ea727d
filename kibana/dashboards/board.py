"""A dashboard: panels on a grid, controls above them, and a reference for each thing they name."""

from collections.abc import Iterator
from typing import Any, Final

from dashboards import lens
from dashboards.columns import named
from dashboards.writing import compact, saved

#: Later versions read it too; an object pinned to a later version is refused by an earlier Kibana.
VERSION: Final = "10.2.0"
Reference = dict[str, str]
#: The words of the source: of a panel, and of a bucket.
PANEL: Final = frozenset(
    "title kind at rows across split metrics formats sort widths lines filter from view".split()  # noqa: SIM905
) | {"unfiltered", "session"}
BUCKET: Final = frozenset("field label size by newest ranges click other missing".split())  # noqa: SIM905


def dashboard(source: dict[str, Any], views: dict[str, str], sessions: dict[str, str]) -> dict[str, Any]:
    """The saved object; *views* and *sessions* give the ids of what the source names."""
    made = [panel(key, each, source, views, sessions) for key, each in source["panel"].items()]
    controls = source["controls"]
    attributes = {
        "title": source["title"],
        "description": source["description"],
        "panelsJSON": compact([each for each, _ in made]),
        "controlGroupInput": _controls(controls),
        "optionsJSON": compact(_OPTIONS),
        "timeRestore": True,
        "timeFrom": source["from"],
        "timeTo": "now",
        "refreshInterval": {"pause": True, "value": 60_000},
        "kibanaSavedObjectMeta": {
            "searchSourceJSON": compact({"filter": [], "query": {"language": "kuery", "query": ""}})
        },
        "version": 3,
    }
    references = [reference for _, found in made for reference in found]
    references += _controlled(controls, views[source["view"]])
    return saved("dashboard", source["id"], VERSION, attributes, references)


_OPTIONS: Final = {
    "hidePanelTitles": False,
    "useMargins": True,
    "syncColors": False,
    "syncCursor": True,
    "syncTooltips": False,
}


def panel(
    key: str, source: dict[str, Any], board: dict[str, Any], views: dict[str, str], sessions: dict[str, str]
) -> tuple[dict[str, Any], list[Reference]]:
    """A panel named *key*, and the references that the dashboard keeps for it."""
    _check_words(key, source)
    x, y, width, height = source["at"]
    placed = {"panelIndex": key, "gridData": {"x": x, "y": y, "w": width, "h": height, "i": key}}
    if source["kind"] == "session":
        return _session(key, source, placed, sessions)
    shown = lens.attributes(source, views[source.get("view", board["view"])])
    references = [each | {"name": f"{key}:{each['name']}"} for each in shown["references"]]
    config = {"title": source["title"], "description": "", "enhancements": {}, "attributes": shown}
    if "from" in source:
        config["timeRange"] = {"from": source["from"], "to": "now"}
    return placed | {"type": "lens", "embeddableConfig": config}, references


def _check_words(key: str, source: dict[str, Any]) -> None:
    """Raise `ValueError` for a word that means nothing: a misspelt `filter` would filter nothing."""
    buckets = [*source.get("rows", []), *(source[word] for word in ("across", "split") if word in source)]
    unknown = source.keys() - PANEL | {word for each in buckets for word in each.keys() - BUCKET}
    if unknown:
        raise ValueError(f"panel {key}: {', '.join(sorted(unknown))} means nothing; see slow-tasks.toml")
    if source["kind"] == "table" and (wrong := source.get("widths", {}).keys() ^ lens.headings(source)):
        raise ValueError(f"panel {key}: a width for each column, not for others: {', '.join(sorted(wrong))}")


def _session(
    key: str, source: dict[str, Any], placed: dict[str, Any], sessions: dict[str, str]
) -> tuple[dict[str, Any], list[Reference]]:
    """A Discover session as a panel: by reference."""
    config = {"title": source["title"], "enhancements": {}}
    reference = {"type": "search", "id": sessions[source["session"]], "name": f"{key}:panel_{key}"}
    return placed | {"type": "search", "panelRefName": f"panel_{key}", "embeddableConfig": config}, [
        reference
    ]


def _controls(controls: list[dict[str, str]]) -> dict[str, Any]:
    """The lists to choose from above the panels; each offers what the ones before it leave."""
    return {
        "chainingSystem": "HIERARCHICAL",
        "controlStyle": "oneLine",
        "showApplySelections": False,
        "ignoreParentSettingsJSON": compact(
            dict.fromkeys(("ignoreFilters", "ignoreQuery", "ignoreTimerange", "ignoreValidations"), False)
        ),
        "panelsJSON": compact({named(each["field"]): _control(n, each) for n, each in enumerate(controls)}),
    }


def _control(order: int, source: dict[str, str]) -> dict[str, Any]:
    """One list: the values of a field, the most frequent first."""
    return {
        "order": order,
        "type": "optionsListControl",
        "width": "small",
        "grow": True,
        "explicitInput": {
            "id": named(source["field"]),
            "fieldName": source["field"],
            "title": source["title"],
            "searchTechnique": "wildcard",
            "selectedOptions": [],
            "sort": {"by": "_count", "direction": "desc"},
        },
    }


def _controlled(controls: list[dict[str, str]], view: str) -> Iterator[Reference]:
    """What ties each control to the data view."""
    for each in controls:
        name = f"controlGroup_{named(each['field'])}:optionsListDataView"
        yield {"type": "index-pattern", "id": view, "name": name}
