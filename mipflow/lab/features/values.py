"""The values of a world's spec: from what a world was made with to JSON, and back. Pure.

Numbers, words and lists stay; a value of ours, such as a link or a rule, is a dict with its class under "kind" and the
fields that are not as usual. A function, or an object of a learner's, is there by its name alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from inspect import signature
from os import PathLike, fspath
from typing import Any

from mipflow.errors import ProtocolMisuse, class_name, shown
from mipflow.flow import redirector
from mipflow.flow.policy import policies, rules
from mipflow.mip6.correspondent_node import CorrespondentNode
from mipflow.node.host import Host
from mipflow.sim import link
from mipflow.wire.address import Prefix

BY_NAME = "function"
"""The key of a function, which does not travel."""
KINDS: dict[str, Any] = {
    name: kind for module in (link, policies, redirector, rules) for name, kind in vars(module).items()
    if is_dataclass(kind) and kind.__module__ == module.__name__
} | {"Policies": policies.Policies, "Prefix": Prefix.parse}  # fmt: skip
CLASSES: dict[str, type] = {kind.__name__: kind for kind in (CorrespondentNode, Host)}


def plain(value: Any) -> Any:
    """Return a value as JSON has it."""
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, Prefix):
        return {"kind": "Prefix", "text": str(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, PathLike):
        return fspath(value)
    if isinstance(value, policies.Policies):
        return {"kind": "Policies", "policies": plain(value.ordered)}
    if type(value) in KINDS.values() and is_dataclass(value):
        given = {each.name: getattr(value, each.name) for each in fields(value) if each.init}
        usual = {each.name: each.default for each in fields(value) if each.default is not MISSING}
        told = {name: plain(each) for name, each in given.items() if name not in usual or usual[name] != each}
        return {"kind": type(value).__name__, **told}
    if value in CLASSES.values():
        return {"class": value.__name__}
    return {BY_NAME: getattr(value, "name", getattr(value, "__name__", class_name(value)))}


def revived(value: Any) -> Any:
    """Return the value of which `plain` made this; lists as tuples. Raises ProtocolMisuse for a function, and for an
    unknown kind.
    """
    match value:
        case {"function": name}:
            why = f"your function {shown(name)}, which does not travel in a spec; call the scenario, and give it there"
            raise ProtocolMisuse(f"the world was made with {why}", value)
        case {"class": str(name)} if name in CLASSES:
            return CLASSES[name]
        case {"kind": str(name), **given} if name in KINDS:
            return called(KINDS[name], **revived(given))
        case {"kind": name} | {"class": name}:
            known = ", ".join([*KINDS, *CLASSES])
            raise ProtocolMisuse(f"{shown(name)} in a spec; expected one of {known}", value)
        case dict():
            return {key: revived(each) for key, each in value.items()}
        case list() | tuple():
            return tuple(revived(each) for each in value)
    return value


def called(function: Callable[..., Any], *given: Any, **keywords: Any) -> Any:
    """Call a function of ours. Raises ProtocolMisuse for an argument that it has not, or lacks."""
    try:
        signature(function).bind(*given, **keywords)
    except TypeError as error:
        raise ProtocolMisuse(f"{function.__name__}() of a spec: {shown(error, str)}", keywords) from None
    return function(*given, **keywords)
