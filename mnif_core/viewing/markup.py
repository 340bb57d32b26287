"""Pictures and words between viser's controls, as elements of a page, told to whichever client there is.

viser 1 takes HTML. Before that it took only MDX: markdown in which `{...}` is code and styles are objects.
"""

import html
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import viser

CHOSEN = {"outline": "2px solid #e8a200", "border-radius": "4px"}
PADDED = {"padding": "0 0.75em 0.5em"}
GALLERY = "mnif-gallery"
# the controls that follow a gallery in its folder, as far as they are single buttons
HIDDEN = f"div:has(> .{GALLERY}) ~ div:has(> button) {{display: none}}"


def plain(text: str) -> str:
    """`text` in markdown as it is, whatever characters it holds."""
    return re.sub(r"[^\w\s]|_", lambda found: f"&#{ord(found[0])};", text)


@dataclass(frozen=True)
class Element:
    """An element of a page.

    Attributes:
        tag: its name.
        children: elements and words in it.
        attributes: by HTML's names.
        style: by CSS's names.
        presses: label of the button that a click presses; it must be the only one of its label on the page.
    """

    tag: str
    children: Sequence["Element | str"] = ()
    attributes: dict[str, str] = field(default_factory=dict)
    style: dict[str, str] = field(default_factory=dict)
    presses: str = ""

    def html(self) -> str:
        """The element in HTML."""
        attributes = dict(self.attributes)
        if self.style:
            attributes["style"] = "; ".join(f"{name}: {value}" for name, value in self.style.items())
        if self.presses:
            attributes["onclick"] = _press(self.presses)
        opened = "".join(f' {name}="{html.escape(value)}"' for name, value in attributes.items())
        # the text of a style sheet is raw
        words = str if self.tag == "style" else html.escape
        inside = "".join(words(child) if isinstance(child, str) else child.html() for child in self.children)
        return f"<{self.tag}{opened}>{inside}" + ("" if self.tag == "img" else f"</{self.tag}>")

    def mdx(self) -> str:
        """The element in MDX."""
        names = {"class": "className"}
        opened = "".join(f" {names.get(name, name)}={{{json.dumps(value)}}}" for name, value in self.attributes.items())
        if self.style:
            opened += f" style={{{json.dumps({_camel_case(name): value for name, value in self.style.items()})}}}"
        if self.presses:
            opened += f" onClick={{() => {{{_press(self.presses)}}}}}"
        inside = "".join(f"{{{json.dumps(c)}}}" if isinstance(c, str) else c.mdx() for c in self.children)
        return f"<{self.tag}{opened}>{inside}</{self.tag}>"


class Markup:
    """A place for an element in the folder that is being filled."""

    def __init__(self, gui: viser.GuiApi, visible: bool = True) -> None:
        add_html = getattr(gui, "add_html", None)
        self._takes_html = add_html is not None
        self._handle = (add_html or gui.add_markdown)("", visible=visible)
        self._shown = ""

    @property
    def content(self) -> str:
        """What viser was told."""
        return self._handle.content

    @property
    def visible(self) -> bool:
        """Whether it is seen."""
        return self._handle.visible

    @visible.setter
    def visible(self, visible: bool) -> None:
        self._handle.visible = visible

    def show(self, element: Element) -> None:
        """Put `element` in the place of what was there."""
        # around markdown viser leaves space by itself
        padded = replace(element, style=PADDED | element.style)
        content = padded.html() if self._takes_html else element.mdx()
        if content != self._shown:  # a browser builds it anew each time, and would lose a click that is under way
            self._shown = self._handle.content = content


@dataclass(frozen=True)
class Tile:
    """A picture with a caption.

    Attributes:
        url: of the picture; empty while it is not made.
        caption: below it.
        title: shown when the mouse rests on it.
        button: label of the button that a click on the picture presses.
        chosen: whether it is framed.
    """

    url: str
    caption: str
    title: str
    button: str = ""
    chosen: bool = False


def tile_grid(tiles: Sequence[Tile], columns: int) -> Element:
    """Pictures in rows of `columns`."""
    style = {"display": "grid", "grid-template-columns": f"repeat({columns}, 1fr)", "gap": "5px"}
    return Element("div", [_tile(tile) for tile in tiles], style=style)


def gallery(tiles: Sequence[Tile], columns: int) -> Element:
    """Pictures in place of the buttons that they press, which must follow in the same folder."""
    return Element("div", [Element("style", [HIDDEN]), tile_grid(tiles, columns)], {"class": GALLERY})


def _tile(tile: Tile) -> Element:
    rounded = {"display": "block", "border-radius": "4px"}
    picture = Element("div", style={"aspect-ratio": "1", "background": "#8884", "border-radius": "4px"})
    if tile.url:
        picture = Element("img", attributes={"src": tile.url, "alt": tile.title}, style={"width": "100%", **rounded})
    style = {"cursor": "pointer" if tile.button else "default", "text-align": "center", "font-size": "0.7em"}
    attributes = {"title": tile.title, **({"role": "button"} if tile.button else {})}
    return Element("div", [picture, tile.caption], attributes, style | (CHOSEN if tile.chosen else {}), tile.button)


def _press(label: str) -> str:
    """JavaScript that presses the button of that label."""
    wanted = f"button => button.textContent === {json.dumps(label)}"
    return f"[...document.querySelectorAll('button')].find({wanted})?.click()"


def _camel_case(name: str) -> str:
    first, *others = name.split("-")
    return first + "".join(word.capitalize() for word in others)
