"""Format quantities for people (`29.6 s`, `9m 12s`, `14d 2h`, `1.0 GB`), and make text safe to print."""

from typing import Final

MINUTE: Final = 60.0
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR


def duration(seconds: float) -> str:
    """Format *seconds* with one or two units: `12 µs`, `29.6 s`, `9m 12s`, `4d 7h`."""
    if seconds == 0:
        return "0 s"
    for limit, scale, unit in ((1e-3, 1e6, "µs"), (0.9995, 1e3, "ms"), (59.95, 1, "s")):
        if seconds < limit:
            return f"{seconds * scale:.3g} {unit}" if unit != "s" else f"{seconds:.1f} s"
    rounded = round(seconds)
    if rounded < HOUR:
        return f"{rounded // 60}m {rounded % 60}s"
    if rounded < DAY:
        return f"{rounded // 3600}h {rounded % 3600 // 60}m"
    return f"{rounded // 86400}d {rounded % 86400 // 3600}h"


def size(count: float) -> str:
    """Format *count* bytes in powers of 1,000: `548 B`, `4.6 GB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 999.5:  # noqa: PLR2004 - three digits, then the next unit
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"


def capitalize(text: str) -> str:
    """*text* with its first letter as a capital."""
    return text[:1].upper() + text[1:]


def plural(count: int, noun: str) -> str:
    """Format *count* with its *noun*: `1 run`, `1,204 runs`."""
    return f"{count:,} {noun}" + "s" * (count != 1)


def printable(text: str) -> str:
    r"""Escape each unprintable character of *text* (`\x1b`), so it can't move a cursor or hide text."""
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def percent(share: float) -> str:
    """Format *share*, 0 to 1: `61 %`, `0.4 %`, `<0.1 %`. Only exactly 0 and 1 become 0 % and 100 %."""
    if share in (0, 1):
        return f"{share:.0%}".replace("%", " %")
    if share < 0.001:  # noqa: PLR2004 - what one decimal can show
        return "<0.1 %"
    if share < 0.0995:  # noqa: PLR2004 - two digits are enough
        return f"{share * 100:.1f} %"
    return f"{min(share * 100, 99.9):.1f} %" if share >= 0.995 else f"{share * 100:.0f} %"  # noqa: PLR2004
