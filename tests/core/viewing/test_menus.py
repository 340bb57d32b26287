"""Menus of names beside the sliders of numbers: what one is set to, the other shows, and no older choice comes back."""

from collections.abc import Iterator

import pytest
import viser

from mnif_core.viewing.controls import LONGEST_MENU
from mnif_core.viewing.named_instances import menu_of
from mnif_core.viewing.selection import Selection
from mnif_core.viewing.steering import Steering
from tests.core.viewing.held_display import Browser, HeldDisplay, begin
from tests.viser_server import press, until, viser_server


@pytest.fixture(scope="module")
def server() -> Iterator[viser.ViserServer]:
    with viser_server() as server:
        server._connected_clients[0] = Browser()  # type: ignore[assignment]
        yield server


def test_labels_of_a_menu_differ_where_names_do_not() -> None:
    assert menu_of(["chair", "chair"]) == ["0: chair", "1: chair"]


def test_menus_of_names_and_sliders_keep_in_step(server: viser.ViserServer) -> None:
    display = HeldDisplay(instances=12)
    steering = begin(server, display, Selection("train", scene=3))
    controls = steering.controls
    (menu,), (other,) = controls.scene_menu, controls.other_menu
    assert menu.value == "3: item_3" and menu.visible and not other.visible
    press(menu, "9: item_9")
    until(lambda: "training image 9, item_9" in steering.status_text)
    controls.scene.value = 5
    until(lambda: menu.value == "5: item_5")
    until(lambda: "training image 5, item_5" in steering.status_text)
    controls.source.value = "Between two"
    until(lambda: other.visible)
    press(other, "2: item_2")
    until(lambda: "from item_5 to item_2" in steering.status_text)


def test_one_instance_and_very_many_have_no_menus(server: viser.ViserServer) -> None:
    for instances in (1, LONGEST_MENU + 1):
        steering = Steering(server, HeldDisplay(instances), Selection())
        assert steering.controls.scene_menu == steering.controls.other_menu == []
