"""Markdown as viser's client reads it: MDX, so that braces and angle brackets of names must be quoted."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

EMPTY = '<div style={{aspectRatio: "1", background: "#8884", borderRadius: "4px"}}/>'
CHOSEN = "outline: '2px solid #e8a200', borderRadius: '4px', "


def plain(text: str) -> str:
    """`text` as it is, whatever characters it holds."""
    return "{" + json.dumps(text) + "}"


@dataclass(frozen=True)
class Tile:
    """A picture with a caption.

    Attributes:
        url: of the picture; empty while it is not made.
        caption: below it.
        title: shown when the mouse rests on it.
        button: id of the button that a click on the picture presses.
        chosen: whether it is framed.
    """

    url: str
    caption: str
    title: str
    button: str = ""
    chosen: bool = False


def tile_grid(tiles: Sequence[Tile], columns: int) -> str:
    """Pictures in rows of `columns`."""
    style = f'{{{{display: "grid", gridTemplateColumns: "repeat({columns}, 1fr)", gap: "5px"}}}}'
    return f"<div style={style}>{''.join(_tile(tile) for tile in tiles)}</div>"


def hidden_buttons(ids: Iterable[str]) -> str:
    """A style sheet that takes the buttons `ids` out of sight: the pictures that are their labels press them."""
    rules = ", ".join(f'div:has(> button[id="{button}"])' for button in ids)
    return f"<style>{plain(rules + ' {display: none}')}</style>"


def _tile(tile: Tile) -> str:
    picture = EMPTY
    if tile.url:
        style = '{{width: "100%", display: "block", borderRadius: "4px"}}'
        picture = f"<img src={plain(tile.url)} alt={plain(tile.title)} style={style}/>"
    frame = CHOSEN if tile.chosen else ""
    cursor = "pointer" if tile.button else "default"
    style = f"{{{{{frame}cursor: '{cursor}', textAlign: 'center', fontSize: '0.7em', lineHeight: '1.5'}}}}"
    target = f"htmlFor={plain(tile.button)} " if tile.button else ""
    return f"<label {target}title={plain(tile.title)} style={style}>{picture}{plain(tile.caption)}</label>"
