"""Where the files lie that slowtask ships beside its code: patterns, templates, dashboards."""

from pathlib import Path

PACKAGE = Path(__file__).parent
REPOSITORY = PACKAGE.parent.parent


def shipped(inside: str) -> Path:
    """The folder or file *inside* the repository, `logstash/patterns`; a wheel has it in the package."""
    packed = PACKAGE / inside
    return packed if packed.exists() else REPOSITORY / inside
