"""Copy the plugin manifest into the package, so that a wheel and an editable install find the same file."""

import shutil
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ManifestHook(BuildHookInterface[Any]):
    """Runs before every build."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Copy ``napari.yaml``."""
        root = Path(self.root)
        shutil.copyfile(root / "napari.yaml", root / "src" / "napari_medgen" / "napari.yaml")
