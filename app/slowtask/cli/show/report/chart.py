"""SEE: Vega-Lite specifications drawn as SVG, by vl-convert.

The charts are drawn when the report is made, not when it is read: no megabyte of Vega in every file, no
script to trust, and a page that prints. Colours are CSS variables: one drawing serves light and dark.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import resources
from typing import Any, Final

from slowtask.errors import UsageError

WIDE: Final = 860  #: pixels of a chart on a desk, without its axis
NARROW: Final = 290  #: … on a phone
COLOURS: Final = tuple(f"var(--c{place})" for place in range(9))  #: the first is for all the others
DAY: Final = 86_400_000  #: ms

Row = Mapping[str, Any]
#: What an axis writes at a value, as Vega's expressions.
TIME: Final = (
    "datum.value == 0 ? '0' : datum.value < 1e-3 ? format(datum.value * 1e6, '.3~g') + ' µs'"
    " : datum.value < 1 ? format(datum.value * 1e3, '.3~g') + ' ms'"
    " : datum.value < 60 ? format(datum.value, '.3~g') + ' s'"
    " : datum.value < 3600 ? format(datum.value / 60, '.3~g') + ' min'"
    " : datum.value < 86400 ? format(datum.value / 3600, '.3~g') + ' h'"
    " : format(datum.value / 86400, ',.3~g') + ' d'"
)
NUMBER: Final = "datum.value < 1e5 ? format(datum.value, ',') : format(datum.value, '.3~s')"
SHARE: Final = "format(datum.value * 100, '.0f') + ' %'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """What one of the specifications of this folder is to show."""

    kind: str  #: its name there
    data: Mapping[str, Sequence[Row]]  #: by the names that it gives them
    names: Sequence[str | None] = ()  #: what is coloured, in the order of the palette; None: all the others
    label: str = NUMBER
    ticks: Sequence[float] | None = None  #: None: Vega's own
    scale: Mapping[str, Any] = field(default_factory=dict)  #: of the y axis
    span: tuple[float, float] | None = None  #: ms since the epoch: the x axis


def renderer() -> Callable[..., str]:
    """What makes SVG of a specification. Raises `UsageError` where vl-convert isn't installed."""
    try:
        from vl_convert import vegalite_to_svg
    except ImportError:
        raise UsageError("A report needs its charts' library: pip install 'slowtask[report]'.") from None

    found: Callable[..., str] = vegalite_to_svg
    return found


def drawn(chart: Chart) -> tuple[str, str]:
    """*chart* as SVG for a desk and for a phone. Raises `UsageError` where vl-convert isn't installed."""
    return svg(chart, WIDE), svg(chart, NARROW)


def svg(chart: Chart, width: int) -> str:
    """*chart* so many pixels wide. What stands in it as text is escaped; it holds no script, ids or links."""
    return renderer()(specification(chart, width), allowed_base_urls=[])


def specification(chart: Chart, width: int) -> dict[str, Any]:
    """The Vega-Lite specification of *chart*."""
    spec = {**_read(chart.kind), "width": width, "datasets": chart.data, "config": _read("config")}
    if chart.span:
        spec["encoding"]["x"]["scale"]["domain"] = chart.span
        spec["encoding"]["x"]["axis"] = _times(*chart.span, width)
    for layer in spec["layer"]:
        encoding = layer.get("encoding", {})
        if chart.span and "field" in encoding.get("y", {}):
            encoding["y"] |= {"axis": _axis(chart), "scale": {"zero": True, **chart.scale}}
        if "color" in encoding:
            encoding["color"]["scale"] = _palette(chart.names)
    return spec


def _read(name: str) -> dict[str, Any]:
    """The JSON of *name* in this folder."""
    found: dict[str, Any] = json.loads(
        resources.files(__package__).joinpath(f"{name}.json").read_text(encoding="utf-8")
    )
    return found


def _axis(chart: Chart) -> dict[str, Any]:
    """The y axis; its least width is set, so that the charts of a page stand in line."""
    ticks = {"tickCount": 5} if chart.ticks is None else {"values": chart.ticks}
    return {"labelExpr": chart.label, "minExtent": 52, **ticks}


def _palette(names: Sequence[str | None]) -> dict[str, Any]:
    """The colours of *names*."""
    return {"domain": [shown(each) for each in names], "range": [COLOURS[place] for place in places(names)]}


def places(names: Sequence[str | None]) -> list[int]:
    """The place of each of *names* in the palette."""
    return [0 if name is None else 1 + place % 8 for place, name in enumerate(names)]


def shown(name: str | None) -> str:
    """What a chart calls *name*."""
    return "all others" if name is None else name


def _times(first: float, last: float, width: int) -> dict[str, Any]:
    """The axis of time, UTC, with as much of the date as is needed."""
    days = (last - first) / DAY
    same = datetime.fromtimestamp(first / 1e3, UTC).date() == datetime.fromtimestamp(last / 1e3, UTC).date()
    form = "%H:%M" if same else "%-d %b %H:%M" if days < 4 else "%-d %b" if days < 300 else "%b %Y"  # noqa: PLR2004
    if days < 0.002:  # noqa: PLR2004 - minutes would all be the same
        form = "%H:%M:%S"
    return {
        "format": form,
        "tickCount": width // 75,
        "labelFlush": True,
        "labelOverlap": True,
        "labelSeparation": 8,
    }
