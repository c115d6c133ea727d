"""The package's page in Kibana: page.md with the table of each stream's fields."""

import re
from typing import Final

from generate.fields import own
from generate.streams import PACKAGE, STREAMS

SOURCE: Final = PACKAGE.parent / "page.md"
PLACE: Final = re.compile(r"^\{fields (\w+)\}$", re.MULTILINE)


def table(name: str) -> str:
    """The fields of the stream called *name*."""
    [stream] = [each for each in STREAMS if each.name == name]
    rows = [f"| `{each['name']}` | {each['type']} | {each['description']} |" for each in own(stream)]
    return "\n".join(["| Field | Type | Meaning |", "| --- | --- | --- |", *rows])


def written() -> dict[str, str]:
    """The file, by its path in the package."""
    page = SOURCE.read_text(encoding="utf-8")
    return {"docs/README.md": PLACE.sub(lambda found: table(found[1]), page)}
