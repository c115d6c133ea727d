"""The command `slowtask` where slowtask-cli isn't installed, as in a worker: it has only `doctor`."""

import argparse
import io
import sys
from typing import Final

from slowtask import __version__
from slowtask.doctor.examine import examine
from slowtask.doctor.finding import Asked
from slowtask.doctor.report import format_json, format_text, terminal_width
from slowtask.install import install_command

#: The options of `slowtask doctor`, and their help.
OPTIONS: Final = {
    ("-A", "--app"): "Load this Celery app, as `celery -A` does, and look for the hooks.",
    ("-c", "--config"): "Import this module of RQ's settings, as `rq worker -c` does.",
    ("-w", "--worker-class"): "The class that you give to `rq worker`.",
    ("-j", "--job-class"): "The job class that you give to `rq worker`.",
}
JSON_HELP: Final = "Print JSON."
SUMMARY: Final = "Check that workers record: versions, hooks, settings, log."


def main() -> None:
    """Run the command that `sys.argv` names."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a path may have what the terminal can't show
    words = sys.argv[1:]
    if words and words[0] != "doctor" and not words[0].startswith("-"):
        sys.exit(f"slowtask: {words[0]} needs slowtask-cli, which isn't installed here: {install_command()}")
    parser = make_parser()
    options = parser.parse_args(words)
    if not words:
        parser.print_help()
        return
    asked = Asked(**{name: getattr(options, name) for name in ("app", "config", "worker_class", "job_class")})
    sys.exit(run(asked, as_json=options.json))


def make_parser() -> argparse.ArgumentParser:
    """Make the parser of the options."""
    others = f"The commands that rank records and watch queues are in slowtask-cli: {install_command()}"
    parser = argparse.ArgumentParser("slowtask", description="Record every attempt.", epilog=others)
    parser.add_argument("--version", action="version", version=f"%(prog)s, version {__version__}")
    doctor = parser.add_subparsers(metavar="doctor").add_parser("doctor", help=SUMMARY, description=SUMMARY)
    for names, text in OPTIONS.items():
        doctor.add_argument(*names, help=text)
    doctor.add_argument("--json", action="store_true", help=JSON_HELP)
    return parser


def run(asked: Asked, *, as_json: bool) -> int:
    """Examine what was *asked* and print it. Return the exit status."""
    report = examine(asked)
    text = format_json(report) if as_json else format_text(report, terminal_width())
    sys.stdout.write(text)
    return 1 if report.wrong else 0
