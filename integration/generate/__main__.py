"""`make integration`: writes the generated files, and removes those that are no longer made."""

from generate import assets, fields, page, pipelines
from generate.streams import PACKAGE


def main() -> None:
    """Write them all."""
    for module in (fields, pipelines, assets, page):
        for name, text in module.written().items():
            path = PACKAGE / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
