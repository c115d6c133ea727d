"""`make values`: writes kubernetes/eck-stack.yaml, the values that give what kubernetes/eck/small gives."""

import yaml

import kubernetes

HEAD = """\
# Values of the chart eck-stack, for the same as kubernetes/eck/small: docs/kubernetes.md. The ConfigMaps that
# they name come from kubernetes/eck/files. Written by `make values`.
"""


class Dumper(yaml.SafeDumper):
    """Writes a text of several lines as one."""


def represent(dumper, text):
    """A text, as a block if it has several lines."""
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, "|" if "\n" in text else None)


Dumper.add_representer(str, represent)


def main():
    """Write them."""
    told = kubernetes.values(kubernetes.render(kubernetes.ECK_ROOT / "small"))
    kubernetes.VALUES.write_text(HEAD + yaml.dump(told, Dumper=Dumper, sort_keys=False, width=110))


main()
