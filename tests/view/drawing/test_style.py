"""Letters of labels are shown as they are."""

from __future__ import annotations

import re
from html import unescape

from hypothesis import example, given
from hypothesis import strategies as st

from mipflow.view.drawing.style import flow_styles, legible, literal


@given(st.text())
@example("<b>x</b> &lt; &#60; $a$ %{meta.title} a < b > c 100 %")
def test_a_literal_holds_nothing_that_acts_and_reads_as_it_was(text: str) -> None:
    made = literal(text)
    assert not re.search(r"[<>$%]", made)
    assert re.sub(r"&#(\d+);", lambda found: chr(int(found[1])), made) == legible(text), "as plotly reads numbers"
    if "\r" not in text and "\0" not in text:
        assert unescape(made) == legible(text)


def test_the_second_of_two_calls_has_its_number_as_its_letter() -> None:
    styles = flow_styles({1: "call", 2: "call 2", 3: "video", 4: "call 10", 5: "...", 6: "call"})
    assert [style.letter for style in styles.values()] == ["c", "2", "v", "10", "5", "a"]
