"""docs/tun.md, pasted as it stands: Linux pings our nodes, in a network namespace of its own."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mipflow.errors import TopologyError

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = REPOSITORY / "docs" / "tun.md"
EXAMPLE = REPOSITORY / "docs" / "tun_example.py"
NAMESPACE = f"mipflow-{os.getpid()}"


def command(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True, timeout=600)


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
def namespace() -> Iterator[str]:
    """Return the name of a namespace that may be made; nothing is left in it."""
    need_a_namespace()
    command("ip", "netns", "delete", NAMESPACE)  # the page makes it
    try:
        yield NAMESPACE
    finally:
        for process in command("ip", "netns", "pids", NAMESPACE).stdout.split():
            command("kill", process)
        command("ip", "netns", "delete", NAMESPACE)


def blocks() -> list[str]:
    """Return the indented blocks of the page, as a reader copies them."""
    return re.findall(r"(?:^ {4}.*\n)+", PAGE.read_text(), re.MULTILINE)


def paste(terminal: Path, block: str, role: str, prefix: str) -> str:
    """Everything at once into a shell; the namespace and the Python are those of this test. Gives what it said."""
    for theirs, ours in {
        r"\blab\b": NAMESPACE, ".venv/bin/python": sys.executable, "correspondent": role, "2001:db8:c1::": prefix,
    }.items():  # fmt: skip
        block = re.sub(theirs, ours, block)
    with terminal.open("w+") as output:  # no pipe: what runs on behind would hold it open
        subprocess.run(
            ["sh"], input=block, cwd=REPOSITORY, env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
            stdout=output, stderr=output, text=True, timeout=600,
        )  # fmt: skip
    return terminal.read_text()


def inside(*words: str) -> subprocess.CompletedProcess[str]:
    return command("ip", "netns", "exec", NAMESPACE, *words)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("role", "prefix"), [("correspondent", "2001:db8:c1::"), ("home-agent", "2001:db8:100::")]
)
def test_the_page_pasted_at_once_works(namespace: str, role: str, prefix: str, tmp_path: Path) -> None:
    begin, end = blocks()
    said = paste(tmp_path / "terminal", begin, role, prefix)
    assert " 5 received, 0% packet loss" in said, said
    assert not re.search("rror|annot|denied|unreachable", said), said
    # With a deadline it waits for three answers; else for two round trips, in which a busy machine answers nothing.
    large = inside("ping", "-6", "-c", "3", "-w", "60", "-i", "0.2", "-s", "4000", f"{prefix}1")
    assert " 3 received" in large.stdout, large.stdout + large.stderr
    paste(tmp_path / "terminal", end, role, prefix)
    assert namespace not in command("ip", "netns", "list").stdout
    for _ in range(100):  # it was told to end, and may still be about it
        if f"{role} mip0" not in command("ps", "-eo", "args").stdout:
            return
        time.sleep(0.1)
    pytest.fail("the example goes on when its namespace is gone")


def example() -> Any:
    spec = importlib.util.spec_from_file_location("tun_example", EXAMPLE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["", "a" * 16, "é", "two words", "a/b", "mip%d", ".", "..", "mip0\n", "a:1"])
def test_a_name_that_no_interface_can_have_is_one_line(name: str) -> None:
    with pytest.raises(TopologyError) as told:
        example().open_tun(name)
    assert repr(name) in str(told.value) and "\n" not in str(told.value) and told.value.value == name


def test_no_tun_device_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    module = example()
    monkeypatch.setattr(module.os, "open", lambda *_: (_ for _ in ()).throw(PermissionError(13, "Permission denied")))
    monkeypatch.setattr(sys, "argv", ["tun_example.py", "correspondent", "mip0"])
    assert module.main() == 2
    assert capsys.readouterr().err == (
        "tun_example: /dev/net/tun does not open (Permission denied): run as root on Linux\n"
    )


@pytest.mark.slow
def test_a_name_that_is_taken_and_an_interface_that_goes_are_one_line(namespace: str) -> None:
    command("ip", "netns", "add", namespace)
    serve = ["ip", "netns", "exec", namespace, sys.executable, str(EXAMPLE), "correspondent"]
    first = subprocess.Popen([*serve, "mip0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert first.stdout is not None and "mip0" in first.stdout.readline()
    for name, why in (("mip0", "another program has it"), ("lo", "no TUN interface")):
        done = command(*serve, name)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(f"tun_example: {name} cannot be used: ") and why in done.stderr
        assert done.stderr.count("\n") == 1
    command("ip", "-n", namespace, "link", "delete", "mip0")
    _, told = first.communicate(timeout=600)
    assert first.returncode == 2 and "the interface is gone" in told and told.count("\n") == 1
