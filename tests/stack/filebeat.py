"""A real Filebeat for tests, built once in `.cache` from its Go module."""

import os
import shutil

from places import ROOT
from program import Program
from stack import images

CACHE = ROOT / ".cache" / "stack"


class FilebeatError(Exception):
    """It doesn't start; says why."""


class Filebeat(Program):
    """One process with a *configuration* of the project's, and its files in *folder*.

    What it has read and sent is kept in the folder, so it goes on from there after a kill.
    """

    error = FilebeatError

    def __init__(self, folder, configuration, **settings):
        super().__init__(folder, "filebeat.log")
        self._configuration, self._settings = configuration, settings

    @property
    def pid(self):
        """Its process; None if it doesn't run."""
        return self._process and self._process.pid

    def start(self):
        """Start it, also again after `stop`; returns when it reads. Raises `FilebeatError`."""
        CACHE.mkdir(parents=True, exist_ok=True)
        binary, path = images.build_filebeat(CACHE), self.folder / self._configuration.name
        shutil.copyfile(self._configuration, path)
        path.chmod(0o600)
        before = self.log.count("filebeat start running") if self._log_path.exists() else 0
        self.run(
            [binary, "-e", "-c", path, "--path.home", self.folder, "--path.data", self.folder / "data"],
            lambda: self.log.count("filebeat start running") > before,
            env=os.environ | self._settings,
        )
