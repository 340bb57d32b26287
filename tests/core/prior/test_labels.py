"""Labels by number, and what is said of those that nobody knows."""

import pytest

from mnif_core.errors import ConfigError
from mnif_core.prior.labels import NAMED, classes_of, number_of, numbers_of


def test_numbers_are_places_in_the_sorted_names() -> None:
    labels = ["shoe", "hat", "shoe", "dress"]
    classes = classes_of(labels)
    assert classes == ["dress", "hat", "shoe"]
    assert numbers_of(labels, classes).tolist() == [2, 1, 2, 0]
    assert numbers_of(["hat", "sock"], classes).tolist() == [1, 3], "others are of none"
    assert number_of("hat", classes) == 1
    assert numbers_of([], []).tolist() == []


@pytest.mark.parametrize(
    ("label", "classes", "line"),
    [
        ("hats", ["dress", "hat"], "no label 'hats'; choose one of dress, hat"),
        ("hat", [], "label 'hat': this field was trained without labels; leave it out"),
        ("x", [f"kind {i:03d}" for i in range(NAMED + 5)], f"kind 000, .* kind 0{NAMED - 1} and 5 more"),
        ("a\nb", ["hat"], "no label 'a b'"),
    ],
)
def test_unknown_ones_are_one_line(label: str, classes: list[str], line: str) -> None:
    with pytest.raises(ConfigError, match=line) as caught:
        number_of(label, classes)
    assert "\n" not in str(caught.value)
