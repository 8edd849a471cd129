"""The example of docs/tun.md, run as it says: Linux pings our nodes, in a network namespace of its own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
NAMESPACE = f"mipflow-{os.getpid()}"


def command(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True, timeout=60)


def need_a_namespace() -> None:
    """Make the namespace, or skip; where the kernel has no TUN device at all, nothing can be done about it."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("only root may make a TUN interface")
    for name in ("ip", "ping"):
        if shutil.which(name) is None:
            pytest.skip(f"{name} is not installed")
    try:
        os.close(os.open("/dev/net/tun", os.O_RDWR))
    except OSError as error:
        pytest.xfail(f"/dev/net/tun cannot be opened: {error}")  # no skip: a container may have none
    # A container may forbid what root needs here, one of these steps or another: no skip either.
    inside = f"ip -n {NAMESPACE}"
    steps = [f"ip netns add {NAMESPACE}", f"{inside} tuntap add mode tun name probe", f"{inside} link set probe up"]
    for step in [*steps, f"{inside} -6 addr add 2001:db8::1/64 dev probe nodad", f"{inside} link delete probe"]:
        done = command(*step.split())
        if done.returncode:
            command("ip", "netns", "delete", NAMESPACE)
            pytest.xfail(f"{step}: {done.stderr.strip()}")


@pytest.fixture
def served() -> Iterator[Callable[[str, str], None]]:
    """A function that puts a role on mip0 of a fresh namespace, Linux having an address there."""
    need_a_namespace()
    running: list[subprocess.Popen[str]] = []

    def serve(role: str, address: str) -> None:
        example = [sys.executable, str(REPOSITORY / "docs" / "tun_example.py"), role, "mip0"]
        process = subprocess.Popen(
            ["ip", "netns", "exec", NAMESPACE, *example],
            stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        )  # fmt: skip
        running.append(process)
        assert process.stdout is not None and role in process.stdout.readline()
        for words in ("link set mip0 up", f"-6 addr add {address}/64 dev mip0 nodad"):
            done = command("ip", "-n", NAMESPACE, *words.split())
            assert done.returncode == 0, done.stderr

    try:
        yield serve
    finally:
        for process in running:
            process.terminate()
            process.wait(timeout=20)
        command("ip", "netns", "delete", NAMESPACE)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("role", "linux", "ours"),
    [
        ("correspondent", "2001:db8:c1::2", "2001:db8:c1::1"),
        ("home-agent", "2001:db8:100::2", "2001:db8:100::1"),
    ],
)
def test_linux_pings_a_role_on_a_tun_interface(
    served: Callable[[str, str], None], role: str, linux: str, ours: str
) -> None:
    served(role, linux)
    done = command("ip", "netns", "exec", NAMESPACE, "ping", "-6", "-c", "5", "-i", "0.2", "-s", "1000", ours)
    assert done.returncode == 0 and " 0% packet loss" in done.stdout, done.stdout + done.stderr
    times = [float(ms) for ms in re.findall(r"time=([\d.]+) ms", done.stdout)]
    assert len(times) == 5 and min(times) < 100
