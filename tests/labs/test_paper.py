"""labs/paper.py: both forms and the key as a page to print."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from typing import Any

from mipflow.course.source import exercises_of

PAGE = Path(__file__).resolve().parents[2] / "docs" / "pretest.html"


def test_the_page_has_both_forms_word_by_word_and_the_key_on_its_own() -> None:
    pre = exercises_of("pre")
    sheets = re.findall(r"<section>.*?</section>", unescape(PAGE.read_text(encoding="utf-8")), re.DOTALL)
    assert len(sheets) == 3
    for form, sheet in zip("AB", sheets[:2], strict=True):
        assert f"form {form}</h1>" in sheet and pre.WHO in sheet
        for number in range(1, 11):
            question = pre.QUESTIONS[f"pre-{form}{number}"]
            assert f"{number}. {question.text}" in sheet
            for letter, answer in question.answers.items():
                assert re.search(rf"<b>{letter}</b>\s+{re.escape(answer.text)}", sheet)
        assert sheet.count("fairly sure") == 10
        assert not re.search(r"M\d\d|right<", sheet), "no belief, and no key"
    rows = re.findall(r"<tr><th scope='row'>(\d+)</th>(.*?)</tr>", sheets[2])
    key = "".join("abcd"[row.split("</td>").index("<td class='right'>right")] for _, row in rows)
    assert key == "bcbbccbcdd" and "(post - pre) / (10 - pre)" in sheets[2]


def test_it_needs_no_network_and_prints_on_five_pages_of_a4(browser_page: Any) -> None:
    asked: list[str] = []
    browser_page.on("request", lambda request: asked.append(request.url))
    browser_page.goto(PAGE.as_uri())
    printed = browser_page.pdf(prefer_css_page_size=True)
    assert [each for each in asked if not each.startswith("file:")] == []
    sizes = re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", printed)
    assert len(sizes) == 5, "two sheets, front and back, and the key"
    assert {(round(float(wide)), round(float(high))) for wide, high in sizes} == {(595, 842)}
