"""The folders of the labs and the data sets, which ship beside the package, not inside it.

Takes a folder's name, gives its path. Used by the command line, the dataset loaders and the labs.
"""

from __future__ import annotations

from pathlib import Path

from mipflow.errors import DatasetError

# Such names are common: a folder counts only if it holds this.
_KNOWN_BY = {"labs": "00_tour.ipynb", "datasets": "captures"}
_BESIDE_PACKAGE = Path(__file__).resolve().parents[2]


def find_folder(name: str) -> Path:
    """Return the path of the folder `name` ("labs", "datasets"): from the current folder up, then beside the package.

    Raises DatasetError, in one line that says where it looked.
    """
    here = Path.cwd()
    for parent in (here, *here.parents, _BESIDE_PACKAGE):
        folder = parent / name
        if folder.is_dir() and (folder / _KNOWN_BY.get(name, "")).exists():
            return folder
    wanted = f"{name}/ with {_KNOWN_BY[name]} in it" if name in _KNOWN_BY else f"{name}/"
    raise DatasetError(
        f"no folder {wanted}: looked in {here}, in the folders above it, and in {_BESIDE_PACKAGE};"
        " go into a checkout of mipflow and try again",
        name,
    )
