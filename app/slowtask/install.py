"""Say what to type to install slowtask-cli, or an extra of it, into the environment that Python runs in."""

import sys
from pathlib import Path


def install_command(extra: str = "") -> str:
    """Return the command that installs slowtask-cli, or its *extra*, here: by pip, or as pipx or uv do."""
    package = f"'slowtask-cli[{extra}]'" if extra else "slowtask-cli"
    environment = Path(sys.prefix)
    if (environment / "pipx_metadata.json").exists():
        # `inject` doesn't add an extra of the package that the environment was made for.
        add = f"runpip {environment.name} install" if extra else f"inject {environment.name}"
        return f"pipx {add} {package}"
    if (environment / "uv-receipt.toml").exists():
        others = "" if environment.name == "slowtask-cli" else f"{environment.name} --with "
        return f"uv tool install {others}{package}"
    return f"pip install {package}"
