"""All saved objects, from all of the source."""

import tomllib
from pathlib import Path
from typing import Any, Final

from dashboards.board import dashboard
from dashboards.views import session, view
from dashboards.writing import compact

SOURCE: Final = Path(__file__).parent.parent
BUNDLE: Final = SOURCE / "slowtask.ndjson"
BOARDS: Final = ("slow-tasks.toml", "queues.toml", "what-changed.toml")


def load(name: str) -> dict[str, Any]:
    """A file of the source."""
    return tomllib.loads((SOURCE / name).read_text(encoding="utf-8"))


def objects() -> list[dict[str, Any]]:
    """What is referred to before what refers to it."""
    views, sessions = load("views.toml"), load("sessions.toml")
    view_ids = {key: each["id"] for key, each in views.items()}
    session_ids = {key: each["id"] for key, each in sessions.items()}
    return [
        *map(view, views.values()),
        *(session(each, view_ids) for each in sessions.values()),
        *(dashboard(load(name), view_ids, session_ids) for name in BOARDS),
    ]


def ndjson() -> bytes:
    """The bundle's bytes."""
    return "".join(compact(each) + "\n" for each in objects()).encode()
