"""All incidents, in the order of their numbers: those of the nights on call first."""

import re

from incidents import broker, dead, flow, held, memory, ordinary, tasks, telling, tenants
from incidents.incident import Incident

FAMILIES = (dead, held, broker, memory, flow, tasks, telling, tenants, ordinary)


def by_number(incident: Incident) -> tuple[int, str]:
    """7 comes before 7b and before 10."""
    number, letter = re.fullmatch(r"(\d+)([a-z]?)", incident.number).groups()
    return int(number), letter


INCIDENTS = sorted((each for family in FAMILIES for each in family.INCIDENTS), key=by_number)
