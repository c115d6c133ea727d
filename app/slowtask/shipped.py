"""Find the files that slowtask ships beside its code: patterns, templates, dashboards."""

from pathlib import Path

PACKAGE = Path(__file__).parent
REPOSITORY = PACKAGE.parent.parent


def shipped_path(name: str) -> Path:
    """Return the path of the folder or file *name*, such as `logstash/patterns`.

    A wheel has it inside the package, a checkout at the top of the repository.
    """
    packaged = PACKAGE / name
    return packaged if packaged.exists() else REPOSITORY / name
