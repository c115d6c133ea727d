"""Have slowtask-cli depend on slowtask of the same tree: on its version, or on the folder it is built from.

Nothing is released yet, so what is built in a checkout (`pipx install ./slowtask/slowtask-cli`, or by git's
address) names the checkout's folder. `make wheel` builds what can be published: it sets `SLOWTASK_RELEASE`.
"""

import os
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface


class Dependencies(MetadataHookInterface):
    """Names the dependencies: the libraries, and slowtask."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Add the dependencies to *metadata*."""
        metadata["dependencies"] = [*self.config["libraries"], slowtask(Path(self.root), metadata["version"])]


def slowtask(folder: Path, version: str) -> str:
    """Return the requirement of slowtask for what is built in *folder*."""
    checkout = folder.resolve().parent
    if os.environ.get("SLOWTASK_RELEASE") or not (checkout / "app" / "slowtask" / "record").is_dir():
        return f"slowtask=={version}"
    return f"slowtask @ {checkout.as_uri()}"
