"""Worlds for tests of registrations."""

from __future__ import annotations

import mipflow as mf
from mipflow.flow.applications.flows import Flow
from mipflow.lab.world import World
from tests.mip6.worlds import world

QUIET = mf.apps.Voice(interval_ms=500, payload_bytes=20)


def speaking() -> tuple[World, Flow]:
    """Return Figure 2 and a quiet flow to CN1, five seconds after it was opened: both of its bindings are made."""
    made = world()
    flow = made.mn.open(made.cn1, QUIET)
    made.run(5)
    return made, flow
