"""Draw the charts as SVG: fill a Vega-Lite specification and have vl-convert render it.

Charts are drawn when the report is made, not when it is read. So the file needs no megabyte of Vega, runs no
script for them, and can be printed. Colours are CSS variables, so that one drawing serves light and dark.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape
from importlib import resources
from typing import Any, Final

from slowtask.errors import UsageError
from slowtask.install import install_command

DESK_WIDTH: Final = 860  #: pixels of a chart without its axis
PHONE_WIDTH: Final = 290  #: pixels of a chart without its axis
COLOURS: Final = tuple(f"var(--c{place})" for place in range(9))  #: the first is for "all others"
DAY: Final = 86_400_000  #: ms
TICK_DISTANCE: Final = 75  #: pixels between two times on the axis
#: Up to so many days, the axis of time has labels with this format.
TIME_FORMATS: Final = ((4, "%-d %b %H:%M"), (300, "%-d %b"))
LONG_FORMAT: Final = "%b %Y"
SECONDS_FORMAT: Final = "%H:%M:%S"
MAX_SECONDS_SPAN: Final = 0.002  #: days; minutes would all be the same

Row = Mapping[str, Any]
Render = Callable[[dict[str, Any]], str]  #: makes the SVG of a specification
#: The labels of a y axis, as expressions of Vega.
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
    """A chart: one of the specifications in this folder, and the data it shows."""

    kind: str  #: the name of the specification
    data: Mapping[str, Sequence[Row]]  #: by the names that the specification uses
    names: Sequence[str | None] = ()  #: the coloured names, in the order of the palette; None: all others
    label: str = NUMBER  #: the labels of the y axis
    ticks: Sequence[float] | None = None  #: of the y axis; None: Vega chooses
    scale: Mapping[str, Any] = field(default_factory=dict)  #: of the y axis
    span: tuple[float, float] | None = None  #: of the x axis, ms since the epoch


def load_renderer() -> Callable[..., str]:
    """Import the function that renders a specification as SVG. Raises `UsageError` if it isn't installed."""
    try:
        from vl_convert import vegalite_to_svg
    except ImportError:
        raise UsageError(f"A report needs vl-convert for its charts: {install_command('report')}.") from None

    render: Callable[..., str] = vegalite_to_svg
    return render


def render(specification: dict[str, Any]) -> str:
    """Render *specification* as SVG. Text is escaped; the SVG has no scripts, ids or links.

    Raises `UsageError` if vl-convert isn't installed.
    """
    return load_renderer()(specification, allowed_base_urls=[])


def show_chart(chart: Chart, title: str, render: Render = render) -> str:
    """The HTML of *chart*: its legend, and a drawing for a desk and one for a phone."""
    desk, phone = (render(specification(chart, width)) for width in (DESK_WIDTH, PHONE_WIDTH))
    return (
        f'{legend(chart)}<figure class="{chart.kind}" aria-label="{title}">'
        f'<div class="desk">{desk}</div><div class="phone">{phone}</div></figure>'
    )


def specification(chart: Chart, width: int) -> dict[str, Any]:
    """The Vega-Lite specification of *chart*, with its data, axes and colours filled in."""
    spec = {**_read(chart.kind), "width": width, "datasets": chart.data, "config": _read("config")}
    if chart.span:
        spec["encoding"]["x"]["scale"]["domain"] = chart.span
        spec["encoding"]["x"]["axis"] = _time_axis(*chart.span, width)
    for layer in spec["layer"]:
        encoding = layer.get("encoding", {})
        if chart.span and "field" in encoding.get("y", {}):
            encoding["y"] |= {"axis": _value_axis(chart), "scale": {"zero": True, **chart.scale}}
        if "color" in encoding:
            encoding["color"]["scale"] = _palette(chart.names)
    return spec


def _read(name: str) -> dict[str, Any]:
    """Read the JSON file *name* of this folder."""
    spec: dict[str, Any] = json.loads(
        resources.files(__package__).joinpath(f"{name}.json").read_text(encoding="utf-8")
    )
    return spec


def _value_axis(chart: Chart) -> dict[str, Any]:
    """The y axis, with a minimal width so that the charts of a page are aligned."""
    ticks = {"tickCount": 5} if chart.ticks is None else {"values": chart.ticks}
    return {"labelExpr": chart.label, "minExtent": 52, **ticks}


def _palette(names: Sequence[str | None]) -> dict[str, Any]:
    """The colours of *names*."""
    return {
        "domain": [display_name(name) for name in names],
        "range": [COLOURS[place] for place in places(names)],
    }


def places(names: Sequence[str | None]) -> list[int]:
    """The place of each of *names* in the palette; None has the first."""
    return [0 if name is None else 1 + place % 8 for place, name in enumerate(names)]


def display_name(name: str | None) -> str:
    """*name* as a chart shows it."""
    return "all others" if name is None else name


def legend(chart: Chart) -> str:
    """The legend of *chart*, as HTML since that can wrap; empty if it has no names."""
    if not chart.names:
        return ""
    texts = [escape(display_name(each)) for each in chart.names]
    items = "".join(
        f'<li class="c{place}"><i style="background:{COLOURS[place]}"></i>{text}</li>'
        for text, place in zip(texts, places(chart.names), strict=True)
    )
    return f'<ul class="names">{items}</ul>'


def _time_axis(first: float, last: float, width: int) -> dict[str, Any]:
    """The x axis from *first* to *last* (ms, UTC), with as much of the date as is needed."""
    return {
        "format": _time_format(first, last),
        "tickCount": width // TICK_DISTANCE,
        "labelFlush": True,
        "labelOverlap": True,
        "labelSeparation": 8,
    }


def _time_format(first: float, last: float) -> str:
    """The shortest format of times between *first* and *last* (ms) that tells them apart."""
    days = (last - first) / DAY
    if days < MAX_SECONDS_SPAN:
        return SECONDS_FORMAT
    if datetime.fromtimestamp(first / 1e3, UTC).date() == datetime.fromtimestamp(last / 1e3, UTC).date():
        return "%H:%M"
    return next((form for limit, form in TIME_FORMATS if days < limit), LONG_FORMAT)
