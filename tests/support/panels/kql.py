"""The KQL that our panels use, as Elasticsearch's queries.

`field : value`, lists of values, `field >= value` and its like, and, or, not.
"""

import re
from itertools import pairwise

TOKEN = re.compile(r'\s*(?:(?P<quoted>"[^"]*")|(?P<mark>[():])|(?P<word>[^\s():"]+))')
COMPARISONS = {">=": "gte", "<": "lt"}


class KqlError(ValueError):
    """No KQL of the kind that our panels use."""


def query(text):
    """The query of *text*; everything if it is empty. Raises `KqlError`."""
    tokens = tokenized(text)
    if not tokens:
        return {"match_all": {}}
    found = either(tokens)
    if tokens:
        raise KqlError(f"{text}: what is {tokens[0]}?")
    return found


def fields(text):
    """The fields that *text* names."""
    tokens = tokenized(text)
    return [word for word, mark in pairwise(tokens) if mark in {":", *COMPARISONS}]


def tokenized(text):
    tokens, at = [], 0
    while at < len(text.rstrip()):
        found = TOKEN.match(text, at)
        if not found:
            raise KqlError(f"{text}: can't be read from character {at} on")
        tokens.append(found[found.lastgroup])
        at = found.end()
    return tokens


def either(tokens):
    """One or more parts, joined by or."""
    parts = [both(tokens)]
    while tokens and tokens[0].lower() == "or":
        tokens.pop(0)
        parts.append(both(tokens))
    return parts[0] if len(parts) == 1 else {"bool": {"should": parts, "minimum_should_match": 1}}


def both(tokens):
    """One or more parts, joined by and: it binds closer."""
    parts = [one(tokens)]
    while tokens and tokens[0].lower() == "and":
        tokens.pop(0)
        parts.append(one(tokens))
    return parts[0] if len(parts) == 1 else {"bool": {"filter": parts}}


def one(tokens):
    """A field with its value or values, something in brackets, or its opposite."""
    first = taken(tokens)
    if first.lower() == "not":
        return {"bool": {"must_not": [one(tokens)]}}
    if first == "(":
        found = either(tokens)
        expect(tokens, ")")
        return found
    if tokens and tokens[0] in COMPARISONS:
        return {"range": {first: {COMPARISONS[tokens.pop(0)]: taken(tokens)}}}
    expect(tokens, ":")
    return values(first, tokens)


def values(field, tokens):
    if tokens[:1] != ["("]:
        return value(field, taken(tokens))
    tokens.pop(0)
    found = [value(field, taken(tokens))]
    while taken(tokens).lower() == "or":
        found.append(value(field, taken(tokens)))
    return {"bool": {"should": found, "minimum_should_match": 1}}


def value(field, token):
    return {"match_phrase" if token.startswith('"') else "match": {field: token.strip('"')}}


def taken(tokens):
    if not tokens:
        raise KqlError("it ends too early")
    return tokens.pop(0)


def expect(tokens, mark):
    if taken(tokens) != mark:
        raise KqlError(f"there is no {mark} where one belongs")
