"""Reads saved objects: what Kibana keeps as JSON in strings, as values."""

import json
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One panel of a dashboard."""

    board: str
    id: str
    kind: str  # lens, search
    grid: dict
    config: dict
    reference: str | None  # of a Discover session: `panelRefName`

    @property
    def place(self):
        return f"{self.board}/{self.id}"

    @property
    def attributes(self):
        return self.config["attributes"]

    @property
    def layers(self):
        """The columns of each layer, by the layer's name."""
        return self.attributes["state"]["datasourceStates"]["formBased"]["layers"]

    @property
    def drawn(self):
        """What of the columns is drawn, and how."""
        return self.attributes["state"]["visualization"]

    @property
    def filter(self):
        return self.attributes["state"]["query"]["query"]


@dataclass(frozen=True, kw_only=True)
class Board:
    """One dashboard."""

    id: str
    panels: list[Panel]
    controls: dict[str, dict]
    references: list[dict] = field(repr=False)

    def view(self, name):
        """The id of what the reference *name* leads to; None if there is no such reference."""
        return next((each["id"] for each in self.references if each["name"] == name), None)

    def layer_view(self, panel, layer):
        return self.view(f"{panel.id}:indexpattern-datasource-layer-{layer}")

    def control_view(self, control):
        return self.view(f"controlGroup_{control}:optionsListDataView")


def objects(ndjson):
    """The saved objects of a bundle."""
    return [json.loads(line) for line in ndjson.splitlines()]


def of_type(found, kind):
    return [each for each in found if each["type"] == kind]


def titles(found):
    """The title (the pattern of index names) of each data view, by its id."""
    return {each["id"]: each["attributes"]["title"] for each in of_type(found, "index-pattern")}


def boards(found):
    """The dashboards, decoded."""
    return [board(each) for each in of_type(found, "dashboard")]


def board(saved):
    attributes = saved["attributes"]
    return Board(
        id=saved["id"],
        panels=[panel(saved["id"], each) for each in json.loads(attributes["panelsJSON"])],
        controls=json.loads(attributes["controlGroupInput"]["panelsJSON"]),
        references=saved["references"],
    )


def panel(name, saved):
    return Panel(
        board=name,
        id=saved["panelIndex"],
        kind=saved["type"],
        grid=saved["gridData"],
        config=saved["embeddableConfig"],
        reference=saved.get("panelRefName"),
    )
