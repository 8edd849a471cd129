"""Fixtures that all tests share: outside tools, a JupyterLab, a browser, and repeatable hypothesis runs.

A test asks for a tool by naming its fixture, and is skipped where the tool is missing. With
MIPFLOW_REQUIRE_ALL=1, as in .ci/run, no test may be skipped: what would be is a failure.
"""

from __future__ import annotations

import gc
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import hypothesis
import pytest

from tests import durations

if TYPE_CHECKING:
    from mipflow.lab.world import World

REPOSITORY = Path(__file__).resolve().parents[1]
REQUIRE_ALL = os.environ.get("MIPFLOW_REQUIRE_ALL") == "1"

# `pytest --hypothesis-profile explore` looks for new examples; every other run repeats the same ones.
hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None)
hypothesis.settings.register_profile("explore", deadline=None, max_examples=1000)
hypothesis.settings.load_profile("repeatable")

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)

# Without QUIC, updates and name resolution Chromium reaches this machine only, and starts faster.
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]

PATIENCE_MS = 120_000
"""How long a test waits for what a page is to show: a machine that is busy with other tests takes its time."""


@cache
def imports_a_library(room: Path) -> bool:
    """Whether a module of a room of the package imports a library, or says that it needs one of another room. A folder
    that is no room counts as one that does.
    """
    texts = [path.read_text(encoding="utf-8") for path in room.glob("*.py")] if room.is_dir() else []
    sources = [re.sub(r'""".*?"""', "", text, flags=re.DOTALL) for text in texts]
    imported = {name for source in sources for name in re.findall(r"^ *(?:from|import) (\w+)", source, re.MULTILINE)}
    needs = any("need_cryptography" in source for source in sources)
    return needs or not sources or not imported <= {"mipflow", *sys.stdlib_module_names}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark tests with a server or a browser as slow, and have those with a server share two workers, so that there are
    two servers; mark those as longer that have been measured to be so, and as pure those of rooms without a library.
    Workers begin with the modules that have slow tests, so that none begins a long one when the others are done.
    """
    long = set(durations.LIST.read_text(encoding="utf-8").split())
    for item in items:
        if durations.function_of(item.nodeid) in long:
            item.add_marker(pytest.mark.longer)
        if not imports_a_library(REPOSITORY / "mipflow" / item.path.parent.relative_to(REPOSITORY / "tests")):
            item.add_marker(pytest.mark.pure)
        if " at 0x" in item.nodeid or "set({" in item.nodeid:
            raise pytest.UsageError(f"{item.nodeid} holds an address of memory or a set: no two workers name it alike")
        fixtures = set(getattr(item, "fixturenames", ()))
        if fixtures & {"jupyter_server", "browser_page"}:
            item.add_marker(pytest.mark.slow)
        if "jupyter_server" in fixtures:
            labs = item.path.name.startswith("test_lab")  # two groups take half as long as one, and a server more
            item.add_marker(pytest.mark.xdist_group("jupyter-labs" if labs else "jupyter"))
        if "browser_page" in fixtures:
            item.add_marker(pytest.mark.browser)
    if hasattr(config, "workerinput"):
        slow = {item.path for item in items if item.get_closest_marker("slow")}
        items.sort(key=lambda item: (item.get_closest_marker("xdist_group") is None, item.path not in slow))


def pytest_collection_finish() -> None:
    """Leave ten thousand tests and their modules out of each search for garbage, and look seldom through all that
    lives: a worker keeps its tests to the end, and worlds, labs and pages for most of its time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(700, 10, 200)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give a module to one worker, so that the worlds, kernels and classes which its tests share are made once."""
    if config.getvalue("dist") != "loadgroup":
        return None
    from xdist.scheduler import LoadGroupScheduling

    class ByModule(LoadGroupScheduling):
        def _split_scope(self, nodeid: str) -> str:
            group: str = super()._split_scope(nodeid)
            return group.partition("::")[0]

    config.option.loadscopereorder = False  # in the order of pytest_collection_modifyitems
    return ByModule(config, log)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Write down what a test takes from the processor, where that is measured."""
    folder, begun = os.environ.get(durations.MEASURED), durations.processor_s()
    result = yield
    if folder:
        durations.record(folder, item.nodeid, durations.processor_s() - begun)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = _refuse_skip((yield))
    page = getattr(item, "funcargs", {}).get("browser_page")
    if report.failed and report.when == "call" and page is not None:
        report.sections.append(("What the page said", _said(page)))
    return report


def _said(page: Any) -> str:
    """Return what a page tells by words of its own and what can be pressed in it, for a failure that nobody watched."""
    try:
        told: list[str] = page.locator("[role=status], [role=alert], .jp-Dialog").all_inner_texts()
        pressable: list[str] = page.locator("button:enabled").all_inner_texts()
    except Exception as error:  # the page is gone: the failure itself says more
        return repr(error)
    return "\n".join([*filter(None, told), " | ".join(filter(None, pressable))])


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    return _refuse_skip((yield))


def _refuse_skip(report: Report) -> Report:
    if REQUIRE_ALL and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"would be skipped, and MIPFLOW_REQUIRE_ALL=1 forbids it: {report.longrepr}"
    return report


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep results of running many worlds for this test run only."""
    from mipflow.lab.studies import found

    folder, before = tmp_path_factory.mktemp("cache"), found.cache_folder
    found.cache_folder = lambda: folder
    yield
    found.cache_folder = before


def _program(*names: str) -> str:
    for name in names:
        if path := shutil.which(name):
            return path
    pytest.skip(f"{names[0]} is not installed; `mipflow doctor` says how to get it")


@pytest.fixture(scope="session")
def tshark() -> str:
    """Return the path of tshark."""
    return _program("tshark")


@pytest.fixture(scope="session")
def chromium() -> str:
    """Return the path of Chromium, or of a browser built from it."""
    return _program("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def world() -> World:
    """Return the example of README: a call and a video to CN1; at 6 s the video moves to the cellular network, 2 s
    more.
    """
    import mipflow as mf

    world = mf.figure2(seed=7)
    world.mn.open(world.cn1, mf.apps.Voice())
    video = world.mn.open(world.cn1, mf.apps.Video())
    world.run(6)
    world.mn.handover(video, "cell0")
    return world.run(2)


@pytest.fixture(scope="session")
def served_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the folder that `jupyter_server` serves."""
    return tmp_path_factory.mktemp("jupyter")


@pytest.fixture(scope="session")
def jupyter_server(served_folder: Path) -> Iterator[str]:
    """Return the address (http://127.0.0.1:port) of a JupyterLab that `mipflow lab` serves without a token.

    It works on a copy of labs/, so that running a notebook changes no file of the repository. Nothing is saved but by
    those who save: a slow test would take longer than JupyterLab waits before it does so by itself.
    """
    with serving(served_folder) as (address, _):
        yield address


@contextmanager
def serving(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Return a JupyterLab for a folder, which gets a copy of labs/: its address, and its process."""
    if not (REPOSITORY / "labs" / "00_tour.ipynb").exists():
        pytest.skip("labs/00_tour.ipynb is not built")
    shutil.copytree(REPOSITORY / "labs", folder / "labs")
    (folder / "datasets").symlink_to(REPOSITORY / "datasets")
    (folder / "config").mkdir()
    server = {"password": "", "ip": "127.0.0.1", "disable_check_xsrf": True}
    open_to_all = {"IdentityProvider": {"token": ""}, "ServerApp": server}
    (folder / "config" / "jupyter_server_config.json").write_text(json.dumps(open_to_all))
    environment = os.environ | {
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "IPYTHONDIR": str(folder / "ipython"),
        "PYTHONPATH": str(REPOSITORY),
    }
    settings = folder / "config" / "lab" / "user-settings" / "@jupyterlab" / "docmanager-extension"
    settings.mkdir(parents=True)
    (settings / "plugin.jupyterlab-settings").write_text('{"autosave": false}')
    port = _free_port()
    log = folder / "log"
    with log.open("w") as output:
        served = subprocess.Popen(
            [sys.executable, "-m", "mipflow.cli", "lab", "--no-browser", "--port", str(port)],
            cwd=folder,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_until_up(served, address, log)
        yield address, served
    finally:
        served.terminate()
        try:
            served.wait(timeout=20)
        except subprocess.TimeoutExpired:
            served.kill()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _wait_until_up(server: subprocess.Popen[bytes], address: str, log: Path) -> None:
    for _ in range(600):
        if server.poll() is not None:
            break
        try:
            urllib.request.urlopen(f"{address}/api/status", timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    pytest.fail(f"JupyterLab did not answer at {address}:\n{log.read_text()}")


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Any]:
    """Start headless Chromium for the tests of a module, and no longer: a playwright that stays open keeps an event
    loop running, which would break the tests that execute notebooks in the same process.
    """
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        launched = driver.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        yield launched
        launched.close()


@pytest.fixture
def browser_page(browser: Any) -> Iterator[Any]:
    """Return a fresh playwright page of 1280x720, which shares no cookie, file or setting with another."""
    context = new_context(browser)
    yield context.new_page()
    context.close()


def new_context(browser: Any) -> Any:
    """Return a place for pages of 1280x720 that share nothing with those of others, and are waited for with patience.
    """
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    context.set_default_timeout(PATIENCE_MS)
    return context


@pytest.fixture
def open_notebook(jupyter_server: str, served_folder: Path, browser_page: Any) -> Callable[[str], Any]:
    """Return a function that opens a notebook, such as "labs/00_tour.ipynb", in JupyterLab and returns the page.

    It waits for the kernel: JupyterLab forgets a "Run All Cells" that comes earlier. Nobody has answered anything.
    """

    def open_(path: str) -> Any:
        kernels = f"{jupyter_server}/api/kernels"
        for kernel in browser_page.request.get(kernels).json():  # it remembers what was answered before
            browser_page.request.delete(f"{kernels}/{kernel['id']}")
        for kept in (served_folder / "labs").glob("progress-*"):
            kept.unlink()
        browser_page.goto(f"{jupyter_server}/lab/tree/{path}?reset")
        browser_page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
        return browser_page

    return open_
