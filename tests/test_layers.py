"""The walls of the house (CONTRIBUTING.md, "Layers"): who may import whom, and how much code there may be."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from mipflow.lab.scenarios import figure2
from mipflow.node.node import Node
from tests.house import BESIDE, CORE, DOORS, LAYERS, PACKAGE, Import, code_lines, imports, layer_of, modules

FRONT_DOORS = {"", "cli"}  # "" is mipflow/__init__.py
MAY_IMPORT_LATE = FRONT_DOORS | {"lab.views"}
BY_NAME = {"import_module", "__import__"}
UNCHANGED_PEERS = ("mip6.home_agent", "mip6.correspondent_node")
KNOWN_DOORS: dict[str, set[str]] = {}
"""Modules of the core -> doors that they still import. The table may only shrink."""
MOST_DEEP = 3
OVERRIDDEN = {
    "HomeAgent": {
        "_is_for_link", "advertisement", "announce", "direct_road", "find_forward", "pass_on",
    },
    "Liar": {"direct_road"},
}
"""Names of a node of another layer that a node overrides: a home agent is a router, but where something is bound; a
liar sends from any address. `role` and `offered_names`, values, are everybody's own.
"""
WITHOUT_TESTS = {
    "course.exercises.exercise", "course.exercises.trial",
    "errors",
    "flow.bindings.stateless",
    "flow.conversations",
    "flow.learner.is_over", "flow.learner.put_in",
    "lab.features.addresses", "lab.features.anew", "lab.features.feature", "lab.features.home",
    "lab.features.networks", "lab.features.values",
    "lab.replay.play",
    "lab.states", "lab.views",
    "lab.studies.study",
    "mip6.bindings.table",
    "mip6.constants", "mip6.home_link",
    "mip6.registrations.registrar", "mip6.registrations.steps", "mip6.registrations.surroundings",
    "mip6.registrations.updates",
    "mip6.security.ip_security", "mip6.security.key_exchange",
    "node.applications.application",
    "node.host", "node.road", "node.seam",
    "node.tcp.congestion", "node.tcp.receive", "node.tcp.send",
    "view.drawing.drawing", "view.drawing.picture",
    "view.story.moment", "view.story.phases", "view.story.teller",
    "wire.captures.containers", "wire.captures.frames", "wire.captures.template",
    "wire.decode", "wire.forms", "wire.mobility", "wire.options",
}  # fmt: skip
"""Modules that have no test file of their name in the folder of their room; the list may only shrink."""
MOST_IN_A_NAME = 90
"""Characters of `def` and the name of a test."""
MOST_LINES = 26762
MOST_LINES_OF_THE_CORE = 7838
MOST_IN_A_ROOM = 12
NO_OPENINGS = re.compile(r"\s*(what|who|that|those|where|whose)\b", re.IGNORECASE)
HOUSE = PACKAGE.parent
READ = ("mipflow", "labs/*.py", "labs/exercises", "labs/template", "tests", "docs")
"""Folders and files whose docstrings say in plain English what they are about. Learners read labs/source as it is."""


def forbidden_imports(package: Path) -> list[str]:
    """One line for every import that the table of layers does not allow."""
    found = imports(package)
    of_lab = {each.target for each in found if layer_of(each.importer) == "lab"}
    return [
        f"{_place(package, each)}: {each.importer or 'the door'} may not import {each.target or package.name}"
        for each in found
        if not _allowed(each, of_lab)
    ]


def _allowed(each: Import, of_lab: set[str]) -> bool:
    layer, target = layer_of(each.importer), layer_of(each.target)
    if each.importer in FRONT_DOORS:
        return each.target in FRONT_DOORS | of_lab or target in {"lab", "course"} | BESIDE
    if layer not in LAYERS:
        return False
    return target in {layer} | BESIDE | LAYERS[layer] or each.target in LAYERS[layer]


def late_imports(package: Path) -> list[str]:
    """One line for every import of the package's own modules inside a function that may not have one."""
    complaints = [
        f"{_place(package, each)}: imports {each.target or package.name} inside a function"
        for each in imports(package)
        if each.late and each.importer not in MAY_IMPORT_LATE
    ]
    for module, path in modules(package).items():
        if module in MAY_IMPORT_LATE or path.name == "__init__.py":  # whose __getattr__ is the one lazy door
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in BY_NAME:
                complaints.append(f"{path.relative_to(package.parent)}:{node.lineno}: imports by name")
    return complaints


def door_of(module: str) -> str | None:
    """Return the door that a module stands behind, or None."""
    return next((door for door in DOORS if module == door or module.startswith(f"{door}.")), None)


def core(package: Path) -> dict[str, Path]:
    """Return the modules of the core by name: those of its layers that stand behind no door."""
    known = modules(package)
    return {name: path for name, path in known.items() if layer_of(name) in CORE and door_of(name) is None}


def opened_doors(package: Path) -> dict[str, set[str]]:
    """Return the doors that each module of the core imports, where it imports any.

    A path from the core to a door goes from one module of the core straight to the door, because the core imports
    nothing else that could lead there (`forbidden_imports`).
    """
    opened: dict[str, set[str]] = {}
    rooms = core(package)
    for each in imports(package):
        door = door_of(each.target)
        if each.importer in rooms and door is not None:
            opened.setdefault(each.importer, set()).add(door)
    return opened


def reach(package: Path, start: str) -> set[str]:
    """All modules that `start` imports, directly or through others."""
    found = imports(package)
    reached: set[str] = set()
    waiting = [start]
    while waiting:
        module = waiting.pop()
        new = {each.target for each in found if each.importer == module} - reached
        reached |= new
        waiting += new
    return reached


def circles(package: Path) -> set[frozenset[str]]:
    """Modules that import one another, for type checkers or not, through whichever rooms: the sets of those that reach
    each other. The lazy door of a folder, its `__init__`, is none of its rooms.
    """
    known = modules(package)
    rooms = {module for module, path in known.items() if path.name != "__init__.py"}
    onward: dict[str, set[str]] = {}
    for each in imports(package):
        if {each.importer, each.target} <= rooms:
            onward.setdefault(each.importer, set()).add(each.target)
    reach_of = {module: _reached(onward, module) for module in onward}
    return {
        frozenset(other for other in reach_of[module] if module in reach_of.get(other, ()))
        for module in onward
        if module in reach_of[module]
    }


def _reached(onward: dict[str, set[str]], start: str) -> set[str]:
    found, waiting = set[str](), [start]
    while waiting:
        new = onward.get(waiting.pop(), set()) - found
        found |= new
        waiting += new
    return found


def _place(package: Path, each: Import) -> str:
    return f"{modules(package)[each.importer].relative_to(package.parent)}:{each.line}"


def code_in(package: Path, chosen: Iterable[str] | None = None) -> int:
    """Lines of code of the modules that are chosen, or of all."""
    known = modules(package)
    names = known if chosen is None else chosen
    return sum(code_lines(known[name].read_text(encoding="utf-8")) for name in names)


def crowded(package: Path) -> list[str]:
    """One line for each folder with more than a dozen modules, or that does not say in two paragraphs who lives there.
    """
    complaints, known = [], modules(package)
    for folder in sorted({path.parent for path in known.values()} - {package}):
        inside = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
        if len(inside) > MOST_IN_A_ROOM:
            complaints.append(f"{folder.relative_to(package)}: {len(inside)} modules; make rooms, by idea")
        said = ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))) or ""
        if inside and len(said.split("\n\n")) < 2:
            complaints.append(f"{folder.relative_to(package)}: say in two paragraphs who lives there")
    return complaints


def badly_opened(file: Path) -> list[str]:
    """Docstrings of a file, those of attributes included, that open with one of `NO_OPENINGS`: they say nothing yet.

    Programs that learners are dealt, functions without types, stay as a learner would write them.
    """
    found, dealt = list[str](), set[int]()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        match node:
            case ast.FunctionDef(returns=None, args=ast.arguments(args=[ast.arg(annotation=None), *_])):
                dealt |= {id(each) for each in node.body}
            case ast.Expr(value=ast.Constant(value=str(text))) if NO_OPENINGS.match(text) and id(node) not in dealt:
                found.append(f"{file.name}:{node.lineno}: {text.strip().splitlines()[0]}")
    return found


def without_tests(package: Path, tests: Path) -> set[str]:
    """Return the modules that have no test file of their name in the folder of their room."""
    rooms = {name: path.relative_to(package) for name, path in modules(package).items() if path.name != "__init__.py"}
    return {name for name, path in rooms.items() if not (tests / path.parent / f"test_{path.name}").exists()}


def long_names(tests: Path) -> list[str]:
    """Return the names of tests that do not fit a line with their arguments."""
    named = re.compile(r"^ *(?:async )?(def test_\w*)", re.MULTILINE)
    found = [name for file in tests.rglob("test_*.py") for name in named.findall(file.read_text("utf-8"))]
    return [name for name in found if len(name) > MOST_IN_A_NAME]


def test_each_layer_imports_only_what_the_table_allows() -> None:
    assert forbidden_imports(PACKAGE) == []


def test_only_the_doors_and_the_world_import_late() -> None:
    assert late_imports(PACKAGE) == []


def test_the_core_imports_no_door() -> None:
    """The table of those that are known may only shrink."""
    assert opened_doors(PACKAGE) == KNOWN_DOORS


def test_every_door_is_there() -> None:
    assert [door for door in DOORS if door not in modules(PACKAGE)] == []


@pytest.mark.parametrize("peer", UNCHANGED_PEERS)
def test_the_peers_know_nothing_of_flows(peer: str) -> None:
    assert peer in modules(PACKAGE), f"mipflow/{peer.replace('.', '/')}.py is not there"
    assert {module for module in reach(PACKAGE, peer) if layer_of(module) in {"flow", "rivals"}} == set()


def test_the_stack_of_a_node_imports_neither_tcp_nor_applications() -> None:
    """They stand on it: TCP is put into a host from outside."""
    reached = {module.split(".")[1] for module in reach(PACKAGE, "node.host") if module.startswith("node.")}
    assert reached & {"tcp", "applications"} == set()


def test_there_are_no_circles() -> None:
    assert circles(PACKAGE) == set()


def node_classes() -> list[type[Node]]:
    """The classes of nodes of the package, all of whose modules are imported for that."""
    for module in modules(PACKAGE):
        importlib.import_module(f"mipflow.{module}".rstrip("."))
    found, waiting = dict.fromkeys([Node]), [Node]
    while waiting:
        further = waiting.pop().__subclasses__()
        waiting += further
        found |= dict.fromkeys(further)
    return [kind for kind in found if kind.__module__.split(".")[0] == "mipflow"]


def too_deep(kinds: Iterable[type]) -> list[str]:
    """One line for each class that has more classes above it than it may, `object` not counted."""
    lines = {kind: [each.__name__ for each in kind.__mro__[:-1]] for kind in kinds}
    return [f"{' < '.join(line)}: compose" for line in lines.values() if len(line) > MOST_DEEP]


def overridden(kind: type) -> set[str]:
    """Names that a class has and a class of another layer above it has as well."""

    def names(of: type) -> set[str]:
        return {name for name in vars(of) if not name.startswith("__")} - {"offered_names", "role"}

    above = [each for each in kind.__mro__[1:-1] if each.__module__.split(".")[1] != kind.__module__.split(".")[1]]
    return names(kind) & {name for each in above for name in names(each)}


def test_node_classes_are_at_most_three_deep() -> None:
    kinds = node_classes()
    assert too_deep(kinds) == []
    assert {"FlowMobileNode", "HomeAgent", "CorrespondentNode", "Liar", "Replayer"} < {kind.__name__ for kind in kinds}


def test_no_node_overrides_a_name_of_another_layer_but_for_a_few() -> None:
    """The list of those that are known may only shrink."""
    assert {kind.__name__: found for kind in node_classes() if (found := overridden(kind))} == OVERRIDDEN


def test_nothing_of_a_node_hides_a_name_of_its_classes() -> None:
    """A part that is put into a node has a place of its own there, such as `transmit`, `send_by` and `mobility`."""
    world = figure2(allocate="request", security=True, enhanced=True, policy_server=True)
    nodes = [world.mn, world.ha, *world.cns, world.internet, world.policy_server]
    hidden = {name for node in nodes for name in vars(node) if any(name in vars(kind) for kind in type(node).__mro__)}
    assert hidden == {"knows_mobility"}, "a value that the part of Mobile IPv6 sets"


def test_the_package_stays_small() -> None:
    assert code_in(PACKAGE) <= MOST_LINES, "delete before you add"


def test_the_core_stays_small() -> None:
    assert code_in(PACKAGE, core(PACKAGE)) <= MOST_LINES_OF_THE_CORE, "delete before you add"


def test_each_room_holds_a_dozen_modules_and_says_who_lives_there() -> None:
    assert crowded(PACKAGE) == []


def test_docstrings_open_in_plain_english() -> None:
    places = [place for name in READ for place in (HOUSE.glob(name) if "*" in name else (HOUSE / name).rglob("*.py"))]
    assert len(places) > 400
    found = [f"{file.relative_to(HOUSE)}: {each}" for file in places for each in badly_opened(file)]
    assert found == [], "begin with the subject or a verb, not with what, who, that, those, where or whose"


def test_each_module_has_a_test_file_of_its_name() -> None:
    """The list of those that have none may only shrink."""
    assert without_tests(PACKAGE, HOUSE / "tests") == WITHOUT_TESTS


def test_names_of_tests_fit_a_line() -> None:
    assert long_names(HOUSE / "tests") == []


# The checker itself, on a made-up package.


def package_of(folder: Path, sources: dict[str, str]) -> Path:
    """A package `made_up` of modules, named as in "wire.packet"; every folder gets an empty __init__."""
    package = folder / "made_up"
    for name, source in ({"errors": "", "cli": ""} | sources).items():
        path = package / (name.replace(".", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.parent.joinpath("__init__.py").touch()
        path.write_text(source)
    return package


@pytest.mark.parametrize(
    "source",
    [
        "import made_up.flow.redirector",
        "from made_up.flow.redirector import Redirector",
        "from made_up.flow import redirector",
        "from ..flow import redirector",
        "from ..flow.redirector import Redirector as R",
        "from .. import flow",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from made_up.flow import redirector",
        "def late():\n    from made_up.flow import redirector",
        "import importlib\nflow = importlib.import_module('made_up.flow.redirector')",
        "import importlib\nflow = importlib.import_module('..flow', __package__)",
        "import made_up",
        "from made_up import cli",
    ],
)
def test_an_import_upward_is_seen(tmp_path: Path, source: str) -> None:
    package = package_of(tmp_path, {"flow.redirector": "", "mip6.host": source})
    assert len(forbidden_imports(package)) == 1


def test_imports_downward_outside_and_within_a_layer_are_allowed(tmp_path: Path) -> None:
    package = package_of(
        tmp_path,
        {
            "wire.packet": "import struct\nfrom made_up.errors import WireError\nname = 'made_up'",
            "sim.trace": "from made_up.wire import packet",
            "mip6.host": "from . import bindings\nfrom ..sim.trace import Trace",
            "mip6.bindings": "from made_up import errors",
            "view.ladder": "from made_up.sim.trace import Trace\nfrom made_up.wire.packet import Packet",
            "lab.views": "from made_up.mip6 import host\ndef draw():\n    from made_up.view import ladder",
            "__init__": "from made_up.mip6 import host\nTABLE = {'World': '.lab.views'}",
            "cli": "from made_up import __version__\ndef run():\n    from made_up.lab.views import World",
        },
    )
    assert forbidden_imports(package) == []
    assert late_imports(package) == []


@pytest.mark.parametrize(
    ("importer", "target"),
    [
        ("view.ladder", "sim.clock"),
        ("view.ladder", "node.host"),
        ("wire.packet", "sim.clock"),
        ("errors", "wire.packet"),
        ("arguments", "sim.clock"),
        ("cli", "node.host"),
        ("lab.panels.panel", "course.exercises.checks"),
        ("view.ladder", "course.exercises.checks"),
        ("utils", "wire.packet"),
    ],
)
def test_a_wall_holds(tmp_path: Path, importer: str, target: str) -> None:
    empty = {"wire.packet": "", "sim.clock": "", "node.host": "", "course.exercises.checks": ""}
    package = package_of(tmp_path, empty | {importer: f"\nimport made_up.{target}"})
    place = f"made_up/{importer.replace('.', '/')}.py:2"
    assert forbidden_imports(package) == [f"{place}: {importer} may not import {target}"]


def test_a_door_that_the_core_opens_is_seen(tmp_path: Path) -> None:
    sources = {
        "mip6.host": "from made_up.mip6.security import esp\nfrom made_up.mip6 import security",
        "mip6.cache": "def late():\n    from ..sim.port import Port\n    import made_up.sim.portal",
        "mip6.security.esp": "from made_up.wire import esp",
        "wire.esp": "", "sim.port": "", "sim.portal": "",
        "lab.world": "import made_up.sim.port",
    }  # fmt: skip
    package = package_of(tmp_path, sources)
    assert opened_doors(package) == {"mip6.host": {"mip6.security"}, "mip6.cache": {"sim.port"}}
    assert {"mip6.host", "mip6.cache", "sim.portal"} <= set(core(package))
    assert not {"mip6.security.esp", "sim.port", "lab.world", "errors"} & set(core(package))


def test_a_late_import_is_seen_even_within_a_layer(tmp_path: Path) -> None:
    source = "class Packet:\n    def name(self):\n        from . import icmp"
    package = package_of(tmp_path, {"wire.packet": source, "wire.icmp": ""})
    assert late_imports(package) == ["made_up/wire/packet.py:3: imports wire.icmp inside a function"]


def test_importing_by_name_is_for_a_package_that_opens_lazily(tmp_path: Path) -> None:
    lazy = "import importlib\ndef __getattr__(name):\n    return importlib.import_module(TABLE[name])"
    package = package_of(tmp_path, {"wire.__init__": lazy, "lab.views": lazy, "__init__": lazy})
    assert late_imports(package) == []
    package = package_of(tmp_path, {"wire.packet": lazy})
    assert late_imports(package) == ["made_up/wire/packet.py:3: imports by name"]


def test_reach_goes_through_other_modules(tmp_path: Path) -> None:
    package = package_of(
        tmp_path,
        {
            "mip6.home_agent": "from . import bindings",
            "mip6.bindings": "def late():\n    from made_up.node import host",
            "node.host": "import made_up.flow.redirector",
            "flow.redirector": "",
        },
    )
    assert reach(package, "mip6.home_agent") == {"mip6.bindings", "node.host", "flow.redirector"}


def test_a_circle_is_seen_for_types_too_and_through_others(tmp_path: Path) -> None:
    sources = {
        "mip6.node": "from made_up.mip6 import list",
        "mip6.list": "from made_up.mip6.entry import Entry",
        "mip6.entry": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from made_up.mip6.node import Node",
        "mip6.other": "from made_up.mip6.node import Node\nfrom made_up.flow.stack import Stack",
        "flow.stack": "from made_up.mip6.other import Other",
    }
    package = package_of(tmp_path, sources)
    through_layers = frozenset(["mip6.other", "flow.stack"])
    assert circles(package) == {frozenset(["mip6.node", "mip6.list", "mip6.entry"]), through_layers}
    package = package_of(tmp_path, sources | {"mip6.entry": ""})
    assert circles(package) == {through_layers}


def test_what_is_too_deep_or_overrides_is_seen() -> None:
    of_node = type("Host", (Node,), {"__module__": "made_up.node.host", "send": None, "role": "host"})
    of_mip6 = type("Mobile", (of_node,), {"__module__": "made_up.mip6.mobile", "send": None, "role": "mobile node"})
    of_flow = type("Flow", (of_mip6,), {"__module__": "made_up.flow.mobile", "visit": None})
    assert too_deep([Node, of_node, of_mip6]) == [] and too_deep([of_flow]) == ["Flow < Mobile < Host < Node: compose"]
    assert [overridden(kind) for kind in (of_node, of_mip6, of_flow)] == [set(), {"send"}, set()]


def test_only_code_is_counted(tmp_path: Path) -> None:
    source = '''"""Docstring
of two lines."""

# comment
x = 1  # counted
"""Of x."""


def f():
    """Docstring."""
    return """
counted, too
"""
'''
    assert code_lines(source) == 5
    package = package_of(tmp_path, {"wire.packet": source, "sim.clock": "now = 0"})
    assert (code_in(package), code_in(package, ["wire.packet"])) == (6, 5)


def test_a_crowded_room_is_seen_and_one_that_does_not_say_who_lives_there(tmp_path: Path) -> None:
    package = package_of(tmp_path, {f"wire.m{number}": "" for number in range(13)} | {"sim.clock": ""})
    (package / "sim" / "__init__.py").write_text('"""Time."""')
    assert crowded(package) == [
        "sim: say in two paragraphs who lives there",
        "wire: 13 modules; make rooms, by idea",
        "wire: say in two paragraphs who lives there",
    ]
    for layer in ("wire", "sim"):
        (package / layer / "__init__.py").write_text('"""Time.\n\nIt passes.\n"""')
    (package / "wire" / "m12.py").unlink()
    assert crowded(package) == []


def test_a_docstring_that_opens_badly_is_seen_wherever_it_stands(tmp_path: Path) -> None:
    source = '''"""What a module is."""
x = 1
"""Who is at work."""
y = "What a value is no docstring"
"""Whatever fits; whose it is, and what."""


class C:
    r"""
    That of a class.
    """

    def f(self) -> None:
        """What's in it."""
        self.z = 1
        """WHAT of an attribute."""

    def g(self) -> None:
        """Those of others."""
        self.z = 2
        """whose it is."""
        self.y = 1
        """Where it stands."""
        self.x = 1
        """Wherever it stands, and thosewho."""
'''
    package = package_of(tmp_path, {"wire.packet": source})
    assert set(badly_opened(package / "wire" / "packet.py")) == {
        "packet.py:1: What a module is.", "packet.py:3: Who is at work.", "packet.py:9: That of a class.",
        "packet.py:14: What's in it.", "packet.py:16: WHAT of an attribute.", "packet.py:19: Those of others.",
        "packet.py:21: whose it is.", "packet.py:23: Where it stands.",
    }  # fmt: skip


def test_a_module_without_a_test_file_is_seen_and_a_name_that_is_too_long(tmp_path: Path) -> None:
    package = package_of(tmp_path, {"wire.packet": "", "sim.clock": "", "sim.deep.link": ""})
    tests = tmp_path / "tests"
    for name in ("test_errors", "test_cli", "wire/test_packet", "wire/test_clock", "sim/deep/test_link"):
        (tests / name).parent.mkdir(parents=True, exist_ok=True)
        source = f"def test_{'x' * 81}(): ...\nclass Test:\n    def test_{'y' * 82}(self): ..."
        (tests / f"{name}.py").write_text(source)
    assert without_tests(package, tests) == {"sim.clock"}
    assert long_names(tests) == [f"def test_{'y' * 82}"] * 5
