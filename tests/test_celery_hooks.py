"""What Celery's hooks see and say, and that they never hurt: against a worker in this process where that will do."""

from pathlib import Path

HERE = Path(__file__).parent
