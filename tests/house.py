"""The plan of the house, and its state: which rooms there are, who imports whom, how many lines of code stand where.

Takes the folder of a package; gives values. `tests/test_layers.py` holds the plan, `docs/house.py` draws it.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

PACKAGE = Path(__file__).resolve().parents[1] / "mipflow"

# What a layer may import besides itself and what stands beside all. "sim.trace" stands for that module alone.
LAYERS: dict[str, set[str]] = {
    "errors": set(),
    "arguments": set(),
    "files": set(),
    "wire": set(),
    "sim": {"wire"},
    "node": {"sim", "wire"},
    "mip6": {"node", "sim", "wire"},
    "flow": {"mip6", "node", "sim", "wire"},
    "rivals": {"flow", "mip6", "node", "sim", "wire"},
    "view": {"sim.trace", "wire"},
    "lab": {"view", "rivals", "flow", "mip6", "node", "sim", "wire"},
    "course": {"lab", "view", "rivals", "flow", "mip6", "node", "sim", "wire"},
}
BESIDE = {"errors", "arguments", "files"}  # every layer may import these
CORE = ("wire", "sim", "node", "mip6", "flow")
"""The layers whose modules are the core, but for those behind a door: a reader of the patent needs them all."""
DOORS = (
    "wire.captures", "wire.dhcpv6", "wire.esp", "sim.port", "sim.trains", "node.applications", "node.tcp",
    "mip6.discovery", "mip6.enhanced", "mip6.security", "flow.allocation", "flow.applications", "flow.learner",
    "flow.mobile_node", "flow.plans", "flow.policy", "flow.protocols",
)  # fmt: skip
"""Rooms and modules that only some worlds need. The core imports none: scenarios and applications put them in."""


class Import(NamedTuple):
    importer: str  # modules are named from inside the package: "wire.packet", "wire" for its __init__
    target: str
    line: int
    late: bool


def modules(package: Path) -> dict[str, Path]:
    """All modules of a package by name."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(package: Path) -> list[Import]:
    """All imports inside a package, also under TYPE_CHECKING, in functions, and by name through importlib."""
    known = modules(package)
    return [
        found
        for importer, path in known.items()
        for found in _Reader(package.name, known, importer, path).read()
    ]


class _Reader:
    """Reads the imports of one module."""

    def __init__(self, package: str, known: dict[str, Path], importer: str, path: Path) -> None:
        self.package, self.known, self.importer = package, known, importer
        self.tree = ast.parse(path.read_text(encoding="utf-8"))
        inside = [] if importer == "" else importer.split(".")
        self.folder = [package, *(inside if path.name == "__init__.py" else inside[:-1])]

    def read(self) -> Iterator[Import]:
        late = {
            id(node)
            for function in ast.walk(self.tree)
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
            for node in ast.walk(function)
            if isinstance(node, ast.Import | ast.ImportFrom)
        }
        for node in ast.walk(self.tree):
            if not isinstance(node, ast.stmt | ast.expr):
                continue
            for target in self._targets(node):
                yield Import(self.importer, target, node.lineno, id(node) in late)

    def _targets(self, node: ast.AST) -> list[str]:
        match node:
            case ast.Import():
                return self._holders(alias.name for alias in node.names)
            case ast.ImportFrom():
                origin = self._absolute(node.level, node.module or "")
                return self._holders(f"{origin}.{alias.name}" for alias in node.names)
            case ast.Constant(value=str(text)):
                # A lazy __getattr__ names modules in a table of strings.
                name = text.lstrip(".")
                first, _, module = self._absolute(len(text) - len(name), name).partition(".")
                return [module] if first == self.package and module and module in self.known else []
        return []

    def _absolute(self, dots: int, name: str) -> str:
        above = self.folder[: max(len(self.folder) - dots + 1, 0)] if dots else []
        return ".".join([*above, *([name] if name else [])])

    def _holders(self, names: Iterable[str]) -> list[str]:
        """For each name of this package the module that holds it."""
        targets = []
        for name in names:
            first, *rest = name.split(".")
            if first == self.package:
                while rest and ".".join(rest) not in self.known:
                    rest.pop()
                targets.append(".".join(rest))
        return targets


def layer_of(module: str) -> str:
    return module.split(".")[0]


def code_lines(source: str) -> int:
    """Lines that hold code: not blank, not only a comment, not part of a docstring (those of attributes included)."""
    docstrings: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        # A text that stands by itself documents what it stands in or what stands above it (PEP 257).
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            docstrings.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    no_code = {
        tokenize.COMMENT,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENDMARKER,
    }
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in no_code:
            lines.update(range(token.start[0], token.end[0] + 1))
    return len(lines - docstrings)
