"""Every name of the table in the design that labs, README and checks rely on, and how errors show themselves."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import networkx
import pytest

import mipflow as mf
from mipflow import errors
from mipflow.lab.world import World
from mipflow.wire.address import Address

REPOSITORY = Path(__file__).resolve().parents[1]


def test_module_names() -> None:
    assert {"figure1", "figure2", "Link", "apps", "World"} <= set(dir(mf))
    for name in mf.__all__:
        assert getattr(mf, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'figure3'"):
        mf.figure3  # type: ignore[attr-defined]  # noqa: B018
    for name in ("Voice", "Video", "FileTransfer", "Echo", "Recorded"):
        assert hasattr(mf.apps, name)


def test_every_name_that_readers_meet_is_offered_by_the_door() -> None:
    """`mf.NAME` in README, docs and labs, and the other way round for the imports that type checkers see."""
    pages = [REPOSITORY / "README.md", *REPOSITORY.glob("docs/**/*.md"), *REPOSITORY.glob("labs/**/*.py")]
    met = {name for page in pages for name in re.findall(r"\bmf\.(\w+)", page.read_text(encoding="utf-8"))}
    assert met <= {*mf.__all__}
    typed = re.findall(r"^    from mipflow\S* import (\w+) as", Path(mf.__file__).read_text(encoding="utf-8"), re.M)
    assert {*typed} == {*mf.__all__}


def test_the_package_comes_in_quickly_and_alone() -> None:
    """The heavy packages come in when first used."""
    code = "import sys, mipflow; print([m for m in ('scapy', 'plotly', 'networkx', 'ipywidgets') if m in sys.modules])"
    said = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


def test_a_world(world: World) -> None:
    assert world.now == 8.0 and world.hops == len(world.trace) > 1000
    assert isinstance(world.network.graph, networkx.Graph)
    assert [cn.name for cn in (world.cn1, world.cn2)] == ["CN1", "CN2"]


def test_home_addresses_and_flows(world: World) -> None:
    homes = list(world.mn.home_addresses)
    assert isinstance(world.mn.home_addresses.primary, Address)
    assert homes[0].home_address == world.mn.home_addresses.primary
    assert {h.care_of_address for h in homes} == {world.mn.care_of_address("wlan0")}
    call, video = world.mn.flows
    assert (call.flow_id, call.cn, video.flow_id) == (1, world.cn1.address, 2)
    assert call.home_address == homes[0].home_address and video.home_address == homes[1].home_address
    assert video.care_of_address == video.registered_at_cn == world.mn.care_of_address("cell0")
    assert call.flow_information.traits.protocol == "UDP"
    assert len(list(world.mn.binding_updates)) == 4


def test_binding_caches(world: World) -> None:
    assert len(list(world.ha.bindings)) == 2 and len(list(world.cn2.bindings)) == 0
    for binding in world.cn1.bindings:
        assert isinstance(binding.home_address, Address) and isinstance(binding.care_of_address, Address)
        assert 0 <= binding.sequence < 65536 and binding.expires_at_s > world.now


def test_flows(world: World) -> None:
    call, video = world.flows()
    assert (call.id, call.cn, call.interface, video.interface) == (1, world.cn1, "wlan0", "cell0")
    for flow in (call, video):
        assert flow.home_address is not None and flow.care_of_address is not None
        for meter in (flow.stats.up, flow.stats.down):
            assert meter.sent >= meter.received > 0 and meter.lost >= 0
            assert None not in (meter.mean_delay_ms, meter.worst_delay_ms, meter.longest_gap_ms)


@pytest.mark.parametrize("view", ["animate", "ladder", "timeline", "tables", "inspect"])
def test_views_are_pictures(world: World, view: str) -> None:
    picture = getattr(world, view)(17) if view == "inspect" else getattr(world, view)()
    text = picture.describe()
    assert text and all(isinstance(line, str) for line in ([text] if isinstance(text, str) else text))
    assert list(picture.rows())
    assert isinstance(picture.figure, dict) if view == "animate" else picture.html


def test_tables_at_any_past_moment(world: World) -> None:
    before, after = world.tables(at=5.9).rows(), world.tables(at=8).rows()
    assert list(before) != list(after)


def test_files(world: World, tmp_path: Path) -> None:
    count = world.pcap(tmp_path / "handover.pcap")
    assert count == len(world.trace) and (tmp_path / "handover.pcap").stat().st_size > 24
    world.save(tmp_path / "handover.html")
    assert "<html" in (tmp_path / "handover.html").read_text(encoding="utf-8").lower()


# --- errors ----------------------------------------------------------------------------------------------------------


def test_one_tree_of_errors() -> None:
    kinds = [errors.WireError, errors.ProtocolMisuse, errors.TopologyError, errors.DatasetError, errors.FunctionFailed]
    assert all(issubclass(kind, errors.MipflowError) and issubclass(kind, Exception) for kind in kinds)


WRONG = [
    (lambda w: w.mn.handover(99, "cell0"), 99), (lambda w: w.mn.handover(1, "eth9"), "eth9"),
    (lambda w: w.mn.open("CN1", mf.apps.Voice()), "CN1"), (lambda w: w.run(-2), -2), (lambda w: w.trace[10**9], 10**9),
    (lambda w: mf.figure2(mode="x"), "x"), (lambda w: mf.Link(delay_ms=-3), -3), (lambda w: mf.Link(mtu=100), 100),
    (lambda w: mf.Address("nonsense"), "nonsense"),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_a_bad_call_is_one_line_with_the_offending_value(world: World, number: int) -> None:
    call, value = WRONG[number]
    with pytest.raises(errors.MipflowError) as caught:
        call(world)
    error = caught.value
    assert error.value == value
    assert "\n" not in str(error) and str(value) in str(error)
    assert error._render_traceback_() == [f"{type(error).__name__}: {error}"]
