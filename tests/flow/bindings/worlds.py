"""Worlds for tests of flows and their bindings."""

from __future__ import annotations

from typing import Any

import mipflow as mf
from mipflow.lab.scenarios import HOME, MOBILE_NODE
from mipflow.lab.world import World
from mipflow.wire.address import Address
from tests.mip6.worlds import world

TALK = mf.apps.Voice(interval_ms=200)
PRIMARY, SECOND = HOME.address(MOBILE_NODE), HOME.address(MOBILE_NODE + 1)


def made(**keywords: Any) -> World:
    """Return Figure 2 once the primary is bound."""
    return world(**{"wire": False, **keywords}).run(5)


def bound(w: World) -> set[Address]:
    """Return the home addresses that the home agent has bound."""
    return {binding.home_address for binding in w.ha.bindings}


def agree(w: World) -> bool:
    """Return True where the flow mapping table and the peers' binding caches agree."""
    caches: dict[Address, Any] = {cn.address: cn.bindings for cn in w.cns}
    for entry in w.mn.flows:
        assert entry.home_address is not None
        at_home = w.ha.bindings.get(entry.home_address)
        at_cn = caches[entry.cn].get(entry.home_address)
        assert entry.registered_at_ha == (at_home and at_home.care_of_address), entry
        assert entry.registered_at_cn == (at_cn and at_cn.care_of_address), entry
    for home in w.mn.home_addresses:
        assert home.care_of_address == w.ha.bindings.get(home.home_address).care_of_address  # type: ignore[union-attr]
    return True
