"""A virtual environment that holds a few packages and what they require, and nothing else; made without a network."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement


def requires(*names: str) -> dict[str, Distribution]:
    """The installed packages of these names, with all that they require, extras left out."""
    found: dict[str, Distribution] = {}
    waiting = list(names)
    while waiting:
        name = Requirement(waiting.pop()).name.lower().replace("_", "-")
        if name in found:
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:  # required on other machines
            continue
        lines = map(Requirement, found[name].requires or [])
        waiting += [line.name for line in lines if line.marker is None or line.marker.evaluate({"extra": ""})]
    return found


def make(folder: Path, *names: str) -> Path:
    """Make the environment, its packages linked and not copied, and return its Python."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = folder / "bin" / "python"
    where = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True,
        text=True,
        check=True,
    )
    packages = Path(where.stdout.strip())
    for package in requires(*names).values():
        for top in {file.parts[0] for file in package.files or [] if file.parts[0] not in ("..", "__pycache__")}:
            source = Path(str(package.locate_file(top)))
            if not (packages / top).exists() and source.exists():
                (packages / top).symlink_to(source)
    return python
