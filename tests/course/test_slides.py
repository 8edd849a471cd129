"""Slides go back and on, with all of them in words below."""

from __future__ import annotations

import pytest

from mipflow.course.identity import ROSTER
from mipflow.course.slides import Slide, Slides


def test_slides_go_back_and_on() -> None:
    slides = Slides([Slide("One.", [{"at": 1}]), Slide("Two & three.", [{"at": 2}])])
    back, on = slides.output.children[0].children
    shown, words = slides.output.children[1:3]
    assert back.disabled and not on.disabled and "1 of 2: One." in shown.value
    on.click()
    assert on.disabled and "2 of 2: Two &amp; three." in shown.value and "<td>2</td>" in shown.value
    on.click()
    assert slides.at == 1
    back.click()
    assert slides.at == 0 and "<li>Two &amp; three.</li>" in words.value
    assert slides.describe() == "One.\nTwo & three."


def test_a_page_of_feedback_has_all_of_them_without_a_form(monkeypatch: pytest.MonkeyPatch) -> None:
    slides = Slides([Slide("One.", [{"at": 1}]), Slide("Two & three.", [{"at": 2}])])
    assert "application/vnd.jupyter.widget-view+json" in slides._repr_mimebundle_()
    monkeypatch.setenv(ROSTER, "7")
    bundle = slides._repr_mimebundle_()
    assert set(bundle) == {"text/html", "text/plain"}
    assert "One.<" in bundle["text/html"] and "<td>2</td>" in bundle["text/html"]


def test_others_can_be_shown() -> None:
    slides = Slides()
    slides.show([Slide(str(number), []) for number in range(4)], 2)
    assert slides.at == 2
