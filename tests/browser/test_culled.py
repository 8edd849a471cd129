"""A server that goes in the middle of lab 07, as Binder's do: their zip brings all of it back on another."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.browser.learner import Learner, save, watched
from tests.browser.test_lab07 import ONE_FLOW
from tests.conftest import new_context, serving

NAME = "07_figure_six"


@contextmanager
def opened(context: Any, address: str) -> Iterator[Any]:
    """Lab 07 in a page of its own and a fresh kernel, run from top to bottom."""
    kernels = f"{address}/api/kernels"
    for kernel in context.request.get(kernels).json():
        context.request.delete(f"{kernels}/{kernel['id']}")
    page = context.new_page()
    page.goto(f"{address}/lab/tree/labs/{NAME}.ipynb?reset")
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.locator(".lm-Menu-item").filter(has_text="Run All Cells").first.click()
    page.get_by_role("button", name="Make the file to hand in").wait_for()
    yield page
    page.close(run_before_unload=False)


def test_a_server_that_is_killed_takes_nothing_along(browser_page: Any, tmp_path: Path) -> None:
    context = new_context(browser_page.context.browser)
    (tmp_path / "first").mkdir()
    (tmp_path / "second").mkdir()
    with serving(tmp_path / "first") as (address, server), opened(context, address) as page:
        learner = Learner(page, NAME)
        learner.write("me()", 'from mipflow.course import me\n\nme("4711")')
        learner.predict('ask("07")', "b.  H@2")
        learner.write("def assign(", ONE_FLOW)
        learner.run('check("7.3").points').get_by_text("flow alone decided").wait_for()
        save(page)
        hand = learner.cell('hand_in("07")')
        hand.get_by_role("button", name="Make the file to hand in").click()
        with page.expect_download() as download:
            hand.get_by_role("link", name="Download 4711-lab07.zip").click()
        kept = tmp_path / "4711-lab07.zip"
        download.value.save_as(kept)
        server.kill()
        server.wait(timeout=20)
    assert sorted(zipfile.ZipFile(kept).namelist()) == ["07_figure_six.ipynb", "progress-lab07.json"]

    with serving(tmp_path / "second") as (address, _):
        with opened(context, address) as page:
            learner = Learner(page, NAME)
            learner.cell('part("07", "predicted")').get_by_text("Waits for your answer").wait_for()
            hand = learner.cell('hand_in("07")')
            with page.expect_file_chooser() as chooser:
                hand.get_by_role("button", name="Restore from a zip").click()
            chooser.value.set_files(kept)
            hand.get_by_text("Back again: 07_figure_six.ipynb, progress-lab07.json.").wait_for()
        with opened(context, address) as page:
            learner = Learner(page, NAME)
            learner.cell("def assign(").filter(has_text="there[0].cn != flow.cn").wait_for()
            film = learner.cell('part("07", "predicted")')
            film.get_by_role("button", name="I stay with my answer: show me").click()
            watched(film).get_by_text("You predicted b,").wait_for()
            assert film.get_by_text("Waits for your answer").count() == 0, "nobody is asked again"
            learner.cell('check("7.3").points').get_by_text("flow alone decided").wait_for()
            learner.cell('part("07", "explain")').get_by_text("Then: attempt 1 of 7.3 gave").wait_for()
