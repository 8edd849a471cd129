"""A small table: bounded, in columns, and safe whatever is in it."""

from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from mipflow.view.drawing.small import MOST_LETTERS, MOST_ROWS, SmallTable, printed, small_table

HOSTILE = ["<script>alert(1)</script>", "x" * 200, "‮evil‬", "שלום", "🚀 flow", "a\nb\tc", "\x00\x1b[31m", "&lt;", '"\'>']


class Reader(HTMLParser):
    """The page as a browser reads it: tags, and the texts of cells and caption."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags, self.texts = set[str](), list[str]()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_as_text_it_has_columns() -> None:
    table = small_table("who", [{"name": "call", "number": 1}, {"name": "a", "more": True}])
    assert table.text().split("\n") == ["who", "  name  number  more", "  call  1", "  a             yes"]


def test_as_html_it_has_a_caption_a_head_and_cells() -> None:
    html = small_table("who", [{"name": "call"}]).html()
    assert "<caption>who</caption>" in html and "<th scope='col'>name</th>" in html and "<td>call</td>" in html


def test_an_empty_one_says_so_in_a_table() -> None:
    table = small_table("who", [], "nobody")
    assert table.text() == "who\n  nobody"
    assert {"table", "caption"} <= Reader(table.html()).tags and "nobody" in table.html()


def test_of_many_rows_it_counts_the_rest() -> None:
    table = SmallTable("who", [{"n": n} for n in range(50)], 3000)
    for shown in (table.text(), table.html()):
        assert f"and {3000 - MOST_ROWS} more" in shown and "19" in shown and "<td>20" not in shown
    assert "more" not in SmallTable("who", [{"n": 1}], 1).html()


def test_names_are_letters_and_nothing_else() -> None:
    for name in HOSTILE:
        table = small_table(name, [{name: name, "b": 1}])
        page = Reader(table.html())
        assert page.tags <= {"style", "div", "table", "caption", "thead", "tbody", "tr", "th", "td"}, name
        for text in [*page.texts, *table.text().split("\n")]:
            assert all(letter.isprintable() or letter in "\u2068\u2069" for letter in text)
        assert max(map(len, page.texts)) <= 2 * MOST_LETTERS
        assert len(table.text().split("\n")) == 3


@given(st.text(), st.integers(1, 300))
def test_what_is_printed_is_one_bounded_line(text: str, most: int) -> None:
    line = printed(text, most)
    assert "\n" not in line and len(line.replace("<", "")) <= 8 * most
    assert all(letter.isprintable() or letter == "\u200d" for letter in line)


def test_wide_letters_take_two_columns() -> None:
    lines = small_table("who", [{"a": "漢", "b": 1}, {"a": "xy", "b": 2}]).text().split("\n")
    assert lines[2] == "  漢  1" and lines[3] == "  xy  2"
