"""Strangers' text means nothing: as GitHub reads Markdown, as a runner reads logs."""

from __future__ import annotations

import unicodedata
from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from pangeo_forge.ci.escaping import annotation, cell, clean, code, fenced, is_clean, log_line, markdown

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[click](https://evil.example)",
    "![x](https://evil.example/x.png)",
    "# heading",
    "- item\n- item",
    "1. item",
    "| a | b |\n|---|---|",
    "`code` ``more`` ```\nfence\n```",
    "*bold* __bold__ ~~gone~~",
    "@everyone @org/team",
    "fixes #1, GH-2, org/repo#3",
    "https://evil.example www.evil.example",
    "&lt;script&gt; &#64;name",
    "<!-- pangeo-forge: check -->",
    "</details></td></table><h1>x",
    "\\`\\*\\|",
    "a|b\\",
    "::error::x",
    "$x^2$ $$y$$",
    "> quote",
    "---",
    "[ref]: https://evil.example",
    "<details open><summary>",
    "`",
    "a`",
    "``",
]
TEXT = st.text(max_size=60) | st.sampled_from(HOSTILE)
READER = MarkdownIt("commonmark", {"html": True, "linkify": False}).enable(["table", "strikethrough"])


class _Seen(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)

    def handle_comment(self, data: str) -> None:
        self.tags.append("comment")

    def handle_data(self, data: str) -> None:
        self.text += data


def seen(page: str) -> _Seen:
    found = _Seen()
    found.feed(READER.render(page))
    found.close()
    return found


@given(TEXT)
@example("0.")
def test_running_text_is_text(text: str) -> None:
    found = seen(f"Title: {markdown(text)}")
    assert found.tags == ["p"]
    shown = found.text.strip().replace("\u200b", "")
    assert shown == f"Title: {clean(text, 300)}".strip()


@given(TEXT)
def test_a_code_span_is_code(text: str) -> None:
    found = seen(f"x {code(text)} y")
    if clean(text, 300):
        assert found.tags == ["p", "code"]
        assert found.text.strip() == f"x {clean(text, 300)} y"


@given(TEXT, TEXT)
def test_a_cell_stays_in_its_cell(one: str, two: str) -> None:
    found = seen(f"| a | b |\n|---|---|\n| {cell(one)} | {cell(two)} |\n")
    assert found.tags.count("td") == 2
    assert set(found.tags) <= {"table", "thead", "tbody", "tr", "th", "td", "code"}
    assert found.text.replace("\u200b", "").split() == ["a", "b", *clean(one, 120).split(), *clean(two, 120).split()]


@given(TEXT)
@example("```\n# x\n```")
@example("````\n</code>")
def test_a_block_is_not_left(text: str) -> None:
    found = seen(f"before\n\n{fenced(text)}\n\nafter")
    assert found.tags == ["p", "pre", "code", "p"]


@pytest.mark.parametrize("text", ["@everyone", "a@b.example", "@a/b", "x @y"])
def test_no_mentions(text: str) -> None:
    # GitHub looks for mentions in the text that is shown, outside of code.
    assert "@\u200b" in seen(f"T {markdown(text)}").text
    assert "@e" not in seen(f"T {markdown(text)}").text


@pytest.mark.parametrize("text", ["#1", "GH-1", "gh-1", "a/b#1", "https://a.b", "www.a.b", "ftp://a"])
def test_no_references_and_no_links(text: str) -> None:
    shown = seen(f"T {markdown(text)}").text
    assert "\u200b" in shown
    assert text not in shown


@given(st.text(max_size=200))
def test_cleaned_text_holds_nothing_unseen(text: str) -> None:
    shown = clean(text, 100)
    assert len(shown) <= 100
    assert is_clean(shown)
    assert not {unicodedata.category(c) for c in shown} & {"Cc", "Cf", "Cs", "Co", "Cn"}
    assert clean(shown, 100) == shown


@pytest.mark.parametrize(
    "text",
    [
        "a\u202eb",
        "a\u2066b",
        "a\u200bb",
        "a\x00b",
        "a\x1b[31mb",
        "a\U000e0041b",
        "a\ud800b",
        "a\u3164b",
        "a\u2800b",
        "a\ufeffb",
        "a\u034fb",
    ],
)
def test_what_is_not_seen_is_gone(text: str) -> None:
    assert not is_clean(text)
    assert clean(text).replace("[31m", "") == "ab"


def test_towers_of_marks_are_cut_down() -> None:
    assert len(clean("a" + "\u0301" * 50)) == 4
    assert not is_clean("a" + "\u0301" * 50)
    assert clean("naïve Å 日本語 ñ") == "naïve Å 日本語 ñ"


def test_length_is_bounded_before_it_is_looked_at() -> None:
    assert clean("x" * 10_000_000, 10) == "xxxxxxx..."
    assert clean("one\ntwo  three", 50) == "one two three"
    assert clean("one\ntwo", 50, lines=True) == "one\ntwo"


@pytest.mark.parametrize(
    "text",
    ["::error::x", "  ::set-output name=a::b", "##[error]x", "a ##[command]b", "\n::add-mask::x", "::stop-commands::t"],
)
def test_the_log_holds_no_command(text: str) -> None:
    line = log_line(text)
    assert not line.lstrip().startswith("::")
    assert "##[" not in line
    assert "\n" not in line


def test_annotations_hold_what_they_should() -> None:
    made = annotation("error", "50%\n::warning::x", file="a,b:c.yaml", line=3, title="x::y")
    assert made == "::error file=a%2Cb%3Ac.yaml,line=3,title=x%3A%3Ay::50%25 ::warning::x"
    assert "\n" not in annotation("error", "a\r\nb", title="a\nb")
