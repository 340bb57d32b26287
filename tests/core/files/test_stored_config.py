"""Settings of a file are taken as they are, or refused by name before anything is made of them."""

from dataclasses import asdict
from typing import Any

import pytest

from mnif_core.errors import CheckpointError
from mnif_core.files.stored_config import from_json, parse_json
from mnif_core.latents.inner_loop import FittingConfig
from mnif_core.networks.mixture import MixtureConfig
from mnif_core.prior.latent_prior import PriorConfig
from mnif_core.signals.images import ImageSignal

SETTINGS: list[Any] = [MixtureConfig(w0=20), PriorConfig(6), FittingConfig(inner_clip=None), ImageSignal(5, 6)]


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: type(settings).__name__)
def test_what_was_written_comes_back(settings: Any) -> None:
    assert from_json(type(settings), asdict(settings), "config.json: x") == settings


@pytest.mark.parametrize(
    ("kind", "given", "message"),
    [
        (ImageSignal, [], r"x is \[\], not an object"),
        (ImageSignal, {"hight": 3}, "x has an unknown 'hight'"),
        (ImageSignal, {"height": 0}, r"x\.height is 0, not a whole number from 1 to 16384"),
        (ImageSignal, {"height": 10**9}, r"x\.height is 1000000000, not"),
        (ImageSignal, {"height": 10**400}, r"x\.height is a very large number, not"),
        (ImageSignal, {"height": True}, r"x\.height is True, not"),
        (ImageSignal, {"height": 8.0}, r"x\.height is 8\.0, not"),
        (ImageSignal, {"background": None}, r"x\.background is None, not text"),
        (MixtureConfig, {"w0": float("nan")}, r"x\.w0 is nan, not a number from"),
        (MixtureConfig, {"w0": "30"}, r"x\.w0 is '30', not a number"),
        (MixtureConfig, {"hidden_layers": 10**6}, r"x\.hidden_layers is 1000000, not"),
        (MixtureConfig, {"output_activation": "tanh"}, r"'tanh', not one of none, sine"),
        (MixtureConfig, {"coefficients": "shared", "latent_dim": 3}, "x: latent_dim 3 does not fit"),
        (PriorConfig, {}, "x lacks 'latent_dim'"),
        (PriorConfig, {"latent_dim": 6, "steps": 10**9}, r"x\.steps is 1000000000, not"),
        (FittingConfig, {"inner_clip": "none"}, r"not a number from 1e-12 to 1e\+12 or null"),
        (FittingConfig, {"inner_rate": 0}, r"x\.inner_rate is 0, not"),
    ],
)
def test_other_values_are_refused_in_one_line(kind: Any, given: Any, message: str) -> None:
    with pytest.raises(CheckpointError, match=message) as caught:
        from_json(kind, given, "config.json: x")
    assert str(caught.value).isprintable() and "; " in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, b"\xff", "1" * 5000])
def test_no_json(text: str | bytes) -> None:
    with pytest.raises(ValueError):
        parse_json(text)
