"""Where the files of the project lie that tests read."""

from pathlib import Path

TESTS = Path(__file__).parent.parent
ROOT = TESTS.parent
DOCS = ROOT / "docs"
GOLDEN = TESTS / "parse" / "golden"  #: real logs, with the events expected of them
OUTCOMES = TESTS / "rq" / "outcomes"  #: RQ's tasks of the outcome matrix
CELERY_OUTCOMES = TESTS / "celery" / "outcomes"  #: Celery's
EXAMPLES = TESTS / "docs" / "examples"  #: what the examples of the pages read
