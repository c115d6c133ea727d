"""Print the table of the incidents: `make incidents`, or `python -m incidents 1 3 7b --facts`."""

import sys
import tempfile
import traceback
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import rabbit
from incidents.everything import INCIDENTS
from incidents.lab import Result, run

AT_ONCE = 6  #: incidents mostly wait


def main(arguments):
    """Run the incidents called *arguments*, else all; return how many were told wrongly."""
    wanted = {each for each in arguments if not each.startswith("-")}
    chosen = [each for each in INCIDENTS if not wanted or each.number in wanted]
    with tempfile.TemporaryDirectory(prefix="slowtask-incidents-") as folder:
        try:
            results = run_all(chosen, Path(folder), facts="--facts" in arguments)
        finally:
            rabbit.stop_shared(Path(folder))
    order = [each.number for each in chosen]
    print("\n| # | incident | should | said | after | |\n| --- | --- | --- | --- | --- | --- |")
    for each in sorted(results, key=lambda each: order.index(each.number)):
        print(row(each))
    return sum(not each.right for each in results)


def run_all(chosen, folder, *, facts):
    """The results, each told on stderr as it comes."""
    results = []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for done in as_completed([pool.submit(run_one, each, folder) for each in chosen]):
            result = done.result()
            results.append(result)
            print(*describe(result, facts=facts), sep="\n    ", file=sys.stderr, flush=True)
    return results


def run_one(incident, folder):
    """Run *incident* in a folder of its own; one that can't be staged is wrong."""
    place = folder / incident.number
    place.mkdir()
    try:
        return run(incident, place, folder)
    except Exception:  # noqa: BLE001 - the others go on
        problem = f"not staged: {traceback.format_exc()[-1500:]}"
        return Result(
            number=incident.number, title=incident.title, should=incident.should, problems=[problem]
        )


def describe(result, *, facts):
    """The lines about one result."""
    head = f"{result.number} {result.title}: {'right' if result.right else 'WRONG'}"
    return [head, *result.problems, *(result.facts if facts else ())]


def row(result):
    """One row of the table."""
    after = "" if result.after is None else f"{result.after:.0f} s"
    cells = (
        result.number,
        result.title,
        result.should,
        result.said,
        after,
        "right" if result.right else "wrong",
    )
    return f"| {' | '.join(cell.replace('|', '·').replace(chr(10), ' ') for cell in cells)} |"


if __name__ == "__main__":
    sys.exit(bool(main(sys.argv[1:])))
