"""The two builds that are measured side by side: the working tree, and the one whose faults its limits answer."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import tempfile
import venv
from dataclasses import dataclass
from pathlib import Path

from tests.rig.parts import ROOT

REFERENCE = "c98a59f"


@dataclass(frozen=True, slots=True)
class Build:
    """One build: its folder, its Python with its packages, what follows the name of its figures."""

    root: Path
    python: str
    suffix: str = ""

    @property
    def is_reference(self) -> bool:
        """True for the old one, whose figures have no goal."""
        return bool(self.suffix)


def both_builds() -> list[Build]:
    """The working tree, and the old build where the repository has its history."""
    now = Build(ROOT, sys.executable)
    reference = _reference()
    return [now, reference] if reference else [now]


def _reference() -> Build | None:
    """The old build with its own packages, made once and kept in the folder for temporary files."""
    command = ["git", "-C", str(ROOT), "archive", "--format=tar", REFERENCE]
    packed = subprocess.run(command, capture_output=True, check=False)
    if packed.returncode:
        return None
    folder = Path(tempfile.gettempdir()) / f"bingproject-build-{REFERENCE}"
    root, packages, complete = folder / "tree", folder / "packages", folder / "complete"
    python = packages / "bin" / "python"
    if not complete.exists():
        with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
            archive.extractall(root, filter="data")
        venv.create(packages, clear=True, with_pip=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "-r", str(root / "requirements-prod.txt")]
        subprocess.run(install, check=True)
        complete.touch()
    return Build(root, str(python), f" at {REFERENCE}")
