"""`make dashboards`: writes the bundle and the pictures of the docs."""

from dashboards import layout
from dashboards.bundle import BUNDLE, ndjson


def main() -> None:
    """Write both; the same source gives the same bytes."""
    BUNDLE.write_bytes(ndjson())
    layout.write()


main()
