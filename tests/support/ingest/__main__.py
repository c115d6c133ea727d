"""`make integration`: writes what the pipelines make of the package's test lines, and its sample events."""

import ingest


def main():
    """Write them; a person reads the difference."""
    for name, text in ingest.written().items():
        (ingest.PACKAGE / name).write_text(text)


main()
