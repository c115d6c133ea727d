"""`make agent`: the package as Kibana installs it, without the files for development."""

import json
import sys
from pathlib import Path
from typing import Any, Final
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import yaml

from generate.assets import ENCODED
from generate.streams import PACKAGE, files

DEVELOPMENT: Final = {"_dev", "validation.yml"}
LONG_AGO: Final = (1980, 1, 1, 0, 0, 0)  # so that the same source gives the same bytes


def build(folder: Path) -> Path:
    """Write the archive into *folder*; returns its path."""
    version = yaml.safe_load((PACKAGE / "manifest.yml").read_text(encoding="utf-8"))["version"]
    name = f"slowtask-{version}"
    with ZipFile(folder / f"{name}.zip", "w") as archive:
        for path in files():
            inside = path.relative_to(PACKAGE)
            if not DEVELOPMENT & {*inside.parts}:
                info = ZipInfo(f"{name}/{inside.as_posix()}", LONG_AGO)
                info.compress_type = ZIP_DEFLATED
                archive.writestr(info, content(path))
    return folder / f"{name}.zip"


def content(path: Path) -> bytes:
    """The bytes of a file; of a saved object with its JSON encoded, as Kibana has it."""
    if path.parent.name not in ("dashboard", "search"):
        return path.read_bytes()
    return encoded(json.loads(path.read_text(encoding="utf-8"))).encode()


def encoded(told: dict[str, Any]) -> str:
    """A saved object whose attributes are decoded, with JSON in JSON again."""
    attributes = dict(told["attributes"])
    meta = attributes["kibanaSavedObjectMeta"]
    attributes |= {name: compact(attributes[name]) for name in ENCODED if name in attributes}
    attributes["kibanaSavedObjectMeta"] = {"searchSourceJSON": compact(meta["searchSourceJSON"])}
    return compact(told | {"attributes": attributes})


def compact(told: Any) -> str:
    """JSON without spaces."""
    return json.dumps(told, separators=(",", ":"), ensure_ascii=False)


def main() -> None:
    """Write it into the folder that the command line names, and say where."""
    sys.stdout.write(f"{build(Path(sys.argv[1])).resolve()}\n")


if __name__ == "__main__":
    main()
