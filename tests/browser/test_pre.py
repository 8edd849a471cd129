"""labs/pre_test in JupyterLab in Chromium: choose, say how sure you are, store; nothing is said of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.browser.learner import Learner


def test_a_learner_answers_the_pre_test(open_notebook: Callable[[str], Any]) -> None:
    learner = Learner(open_notebook("labs/pre_test.ipynb"), "pre_test")
    learner.run_all()
    asked = learner.cell('part("pre", "questions")')
    asked.get_by_text("0 of 10 answers are stored.").wait_for()
    store = asked.get_by_role("button", name="Store my answer").first
    assert store.is_disabled()
    asked.get_by_role("radio", name="The radio was gone for too long.").click()
    assert store.is_disabled()
    asked.locator("select").first.select_option(label="certain")
    learner.shoot("1-chosen", store)
    store.click()
    asked.get_by_text("1 of 10 answers are stored.").wait_for()
    assert asked.get_by_text("both ends").count() == 0
    learner.shoot("2-stored", asked.get_by_text("1 of 10 answers are stored."))
