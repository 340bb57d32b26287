"""Elements in both languages that viser's clients have read: same tags, words as they are, nothing breaks out."""

import pytest

from mnif_core.viewing.markup import Element, Markup, Tile, gallery, plain

WORDS = "a \"{b}\" <c> _d_ & 'e'"


@pytest.mark.parametrize(
    "element, html, mdx",
    [
        (Element("p", ["a < {b}"]), "<p>a &lt; {b}</p>", '<p>{"a < {b}"}</p>'),
        (Element("p", style={"z-index": "1"}), '<p style="z-index: 1"></p>', '<p style={{"zIndex": "1"}}></p>'),
        (Element("style", ["a > b {c: d}"]), "<style>a > b {c: d}</style>", '<style>{"a > b {c: d}"}</style>'),
        (Element("div", attributes={"class": "x"}), '<div class="x"></div>', '<div className={"x"}></div>'),
        (Element("img", attributes={"alt": '"'}), '<img alt="&quot;">', '<img alt={"\\""}></img>'),
        (Element("b", [Element("i", ["x"]), "y"]), "<b><i>x</i>y</b>", '<b><i>{"x"}</i>{"y"}</b>'),
    ],
)  # fmt: skip
def test_both_languages(element: Element, html: str, mdx: str) -> None:
    assert element.html() == html
    assert element.mdx() == mdx


def test_plain_words_hold_nothing_that_markdown_reads() -> None:
    assert not set(plain(WORDS)) & set("\"{}<>_'*[]")
    assert plain("two words, 3") == "two words&#44; 3"


def test_pictures_press_the_buttons_that_they_hide() -> None:
    shown = gallery([Tile("", "3", "3: car", "Picture 1", chosen=True)], 4)
    for text in (shown.html(), shown.mdx()):
        assert "Picture 1" in text and "outline" in text and "div:has(> button) {display: none}" in text


def test_what_is_shown_already_is_not_sent_again() -> None:
    sent = list[str]()

    class Handle:
        def __setattr__(self, name: str, value: str) -> None:
            sent.append(value)

    class Gui:
        def add_html(self, content: str, visible: bool) -> Handle:
            return Handle()

    shown = Markup(Gui())  # type: ignore[arg-type]
    for words in ("one", "one", "two", "one"):
        shown.show(Element("p", [words]))
    assert [f">{words}<" in content for words, content in zip(("one", "two", "one"), sent, strict=True)] == [True] * 3
