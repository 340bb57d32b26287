"""The pages of small pictures beside the panel: made when seen, chosen by clicks."""

import threading
import time

import viser

from mnif_core.viewing.buttons import add_buttons
from mnif_core.viewing.gallery import TILES
from mnif_core.viewing.selection import Selection
from tests.core.viewing.held_display import HeldDisplay, begin
from tests.viser_server import press, until


def test_only_the_page_in_view_is_made(server: viser.ViserServer) -> None:
    """Of 2,458 instances, and again after turning: a thumbnail each, and no control that lists them all."""
    display = HeldDisplay(2458)
    display.looked_at = True
    steering = begin(server, display)
    gallery = steering.gallery
    until(lambda: gallery.grid.content.count("data:image/jpeg") == TILES)
    press(gallery.turn, "Next")
    until(lambda: gallery.first.value == TILES)
    press(gallery.turn, "Next")
    until(lambda: gallery.first.value == 2 * TILES)
    press(gallery.turn, "Back")
    until(lambda: f'"{TILES}: item_{TILES}"' in gallery.grid.content)
    until(lambda: gallery.grid.content.count("data:image/jpeg") == TILES)
    assert len(steering.thumbnails._made) <= 3 * TILES
    gallery.first.value = 2457
    until(lambda: gallery.grid.content.count("data:image/jpeg") == 2458 % TILES)
    press(gallery.turn, "Next")
    assert gallery.first.value == 2458 // TILES * TILES
    assert len(gallery.grid.content) < 100_000


def test_only_browsers_press_buttons(server: viser.ViserServer) -> None:
    """What the server itself sets a row of buttons to reaches no one: else a press counts twice."""
    pressed: list[tuple[str, object]] = []
    row = add_buttons(server.gui, "Page", ["Back", "Next"], lambda *what: pressed.append(what), hint="")
    row.value = "Back"
    time.sleep(0.1)
    assert pressed == []
    for _ in range(3):
        press(row, "Next")
    until(lambda: len(pressed) == 3)
    assert {option for option, _ in pressed} == {"Next"}
    assert all(browser is not None for _, browser in pressed), "downloads go to the browser that asked"


def test_a_click_on_a_picture_shows_it(server: viser.ViserServer) -> None:
    display = HeldDisplay()
    steering = begin(server, display)
    press(steering.gallery.turn, "Next")
    press(steering.gallery._buttons[2], True)
    until(lambda: display.shown == Selection("train", scene=TILES + 2))
    steering.gallery.kind.value = "Samples"
    until(lambda: "sample of seed 0" in steering.gallery.grid.content)
    press(steering.gallery._buttons[5], True)
    until(lambda: display.shown == Selection("sample", seed=5))


def test_clicks_fill_the_corners_in_turn(server: viser.ViserServer) -> None:
    display = HeldDisplay()
    steering = begin(server, display)
    steering.controls.source.value = "Between four"
    until(lambda: steering.gallery.slot.visible)
    for place in (7, 3, 5, 1):
        press(steering.gallery._buttons[place], True)
    until(lambda: display.shown.corners == (7, 3, 5, 1))
    assert steering.gallery.slot.value == "Top left"


def test_clicks_at_once_choose_a_corner_each(server: viser.ViserServer) -> None:
    """Even before the page has been drawn for the new source."""
    for _ in range(5):
        display = HeldDisplay()
        steering = begin(server, display)
        steering.controls.source.value = "Between four"
        clicks = [threading.Thread(target=press, args=(steering.gallery._buttons[n], True)) for n in (7, 3, 5, 1)]
        for click in clicks:
            click.start()
        until(lambda display=display: sorted(display.shown.corners) == [1, 3, 5, 7])  # type: ignore[misc]


def test_pictures_that_training_has_overtaken_are_told(server: viser.ViserServer) -> None:
    display = HeldDisplay()
    display.looked_at = True
    steering = begin(server, display)
    until(lambda: steering.gallery.grid.content.count("data:image/jpeg") == TILES)
    assert "older" not in steering.gallery.grid.content
    display.steps += 1
    steering.controls.changed()
    until(lambda: steering.gallery.grid.content.count("older") == TILES)


def test_nothing_is_made_while_nobody_looks(server: viser.ViserServer) -> None:
    display = HeldDisplay()
    steering = begin(server, display)
    time.sleep(1.5)
    assert not steering.thumbnails._made
