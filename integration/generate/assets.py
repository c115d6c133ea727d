"""The saved objects of kibana/slowtask.ndjson, a file each, with the JSON in them decoded."""

import json
from typing import Any, Final

from generate.streams import ROOT, STREAMS

BUNDLE: Final = ROOT / "kibana" / "slowtask.ndjson"
FOLDERS: Final = {"index-pattern": "index_pattern", "search": "search", "dashboard": "dashboard"}
#: What elastic-package encodes again when it builds the package.
ENCODED: Final = ("optionsJSON", "panelsJSON")


def decoded(told: dict[str, Any]) -> dict[str, Any]:
    """A saved object with its JSON as objects; data views stay as they are."""
    if told["type"] == "index-pattern":
        return told
    attributes = dict(told["attributes"])
    attributes |= {name: json.loads(attributes[name]) for name in ENCODED if name in attributes}
    search = json.loads(attributes["kibanaSavedObjectMeta"]["searchSourceJSON"])
    references = list(told["references"])
    if told["type"] == "dashboard":
        search["filter"] = [own_data()]
        references.append({"type": "index-pattern", "id": "slowtask-runs", "name": FILTERED})
    attributes["kibanaSavedObjectMeta"] = {"searchSourceJSON": search}
    return told | {"attributes": attributes, "references": references}


FILTERED: Final = "kibanaSavedObjectMeta.searchSourceJSON.filter[0].meta.index"


def own_data() -> dict[str, Any]:
    """The filter that a package's dashboard needs: only data of the package."""
    names = [stream.dataset for stream in STREAMS]
    matches = [{"match_phrase": {"data_stream.dataset": name}} for name in names]
    meta = {"alias": "slowtask", "disabled": False, "field": "data_stream.dataset", "indexRefName": FILTERED}
    meta |= {"key": "data_stream.dataset", "negate": False, "params": names, "type": "phrases"}
    return {
        "$state": {"store": "appState"},
        "meta": meta,
        "query": {"bool": {"minimum_should_match": 1, "should": matches}},
    }


def written() -> dict[str, str]:
    """The files, by their path in the package."""
    told = map(json.loads, BUNDLE.read_text(encoding="utf-8").splitlines())
    return {
        f"kibana/{FOLDERS[each['type']]}/{each['id']}.json": json.dumps(
            decoded(each), indent=4, ensure_ascii=False
        )
        + "\n"
        for each in told
    }
