"""Logstash's configuration as plain data: what the runner of `logstash.rb` takes."""

import re
from collections import defaultdict

import yaml
from lscl import lang
from lscl.parser import parse_lscl

HOME = "/usr/share/logstash"  #: what the settings call the folder `logstash/`
COMPARISONS = {
    lang.LsclEqualTo: "==",
    lang.LsclNotEqualTo: "!=",
    lang.LsclGreaterThan: ">",
    lang.LsclGreaterThanOrEqualTo: ">=",
    lang.LsclLessThan: "<",
    lang.LsclLessThanOrEqualTo: "<=",
}


#: A codec with options of its own, which lscl doesn't read: plugins stand on their own there.
CODEC = re.compile(r"codec => (\w+) \{[^{}]*\}")
VARIABLE = re.compile(r"\$\{(\w+):([^}]*)\}")


def parse(text):
    """The sections of a file, by lscl; of a codec only its name."""
    return parse_lscl(CODEC.sub(r'codec => "\1"', text))


def pipelines(folder, environment=None):
    """Each pipeline of `config/pipelines.yml` in *folder*, with the sections of all files it names."""
    text = (folder / "config" / "pipelines.yml").read_text()
    given = environment or {}
    settings = yaml.safe_load(VARIABLE.sub(lambda found: given.get(found[1], found[2]), text))
    return [
        {"id": each["pipeline.id"], "sections": sections(files(each["path.config"], folder))}
        for each in settings
    ]


def options_of(path, plugin):
    """The settings of the one *plugin* that stands in the file at *path*, outside of conditions."""
    found = [each for block in parse(path.read_text()) for each in block.content if each.name == plugin]
    [options] = [{each.name: each.content for each in block.content} for block in found]
    return options


def files(pattern, folder):
    """The files that a `path.config` names, in the order in which Logstash reads them."""
    relative = pattern.removeprefix(f"{HOME}/")
    return sorted(path for each in alternatives(relative) for path in folder.glob(each))


def alternatives(pattern):
    """The globs that one with `{a,b}` stands for."""
    match = re.fullmatch(r"(.*?)\{([^}]*)\}(.*)", pattern)
    return [f"{match[1]}{each}{match[3]}" for each in match[2].split(",")] if match else [pattern]


def sections(paths):
    """The inputs, filters and outputs of *paths*, those of one kind one after the other."""
    found = defaultdict(list, input=[], filter=[], output=[])
    for path in paths:
        for block in parse(path.read_text()):
            found[block.name] += [step(each, output=block.name == "output") for each in block.content]
    return found


def step(node, *, output=False):
    """One plugin, or the branches of a condition."""
    if isinstance(node, lang.LsclBlock):
        return {"plugin": node.name, "settings": {each.name: each.content for each in node.content}}
    if isinstance(node, lang.LsclConditions):
        branches = [*node.conditions, (None, node.default)] if node.default else node.conditions
        return {
            "output": output,
            "branches": [
                [given and condition(given), [step(each, output=output) for each in inner]]
                for given, inner in branches
            ],
        }
    raise TypeError(node)


def condition(node):
    """A condition as an operator and what it is of."""
    match node:
        case lang.LsclNot():
            return inverted(node.condition)
        case lang.LsclNotIn():
            return inverted(lang.LsclIn(needle=node.needle, haystack=node.haystack))
        case lang.LsclNotMatch():
            return inverted(lang.LsclMatch(value=node.value, pattern=node.pattern))
        case lang.LsclAnd() | lang.LsclOr():
            op = "and" if isinstance(node, lang.LsclAnd) else "or"
            return {"op": op, "of": [condition(each) for each in node.conditions]}
    return comparison(node)


def inverted(node):
    """That a condition isn't so."""
    return {"op": "not", "of": condition(node)}


def comparison(node):
    """A condition of one value or of two."""
    match node:
        case lang.LsclSelector():
            return {"op": "truthy", "of": rvalue(node)}
        case lang.LsclIn():
            return {"op": "in", "first": rvalue(node.needle), "second": rvalue(node.haystack)}
        case lang.LsclMatch():
            return {"op": "=~", "first": rvalue(node.value), "second": {"value": node.pattern.pattern}}
    return {"op": COMPARISONS[type(node)], "first": rvalue(node.first), "second": rvalue(node.second)}


def rvalue(node):
    """A field or a value of a condition."""
    if isinstance(node, lang.LsclSelector):
        return {"field": "".join(f"[{name}]" for name in node.names)}
    return {"value": node}
