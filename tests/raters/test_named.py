"""Settings by name, from words to mappings and back."""

from typing import Any

import pytest

from prefgym.raters.named import nested_words, parse_named, parse_nested


def numbers(*words: str) -> dict[str, float]:
    """Read numbers by name."""
    return parse_named([*words], "NAME=NUMBER", float)


def test_numbers_have_names() -> None:
    assert numbers("forward=1", "ctrl=-2e-1") == {"forward": 1.0, "ctrl": -0.2}


@pytest.mark.parametrize("word", ["forward", "=1", "forward=much", "forward="])
def test_another_form_is_one_sentence(word: str) -> None:
    with pytest.raises(ValueError, match=f"write NAME=NUMBER, not '{word}'"):
        numbers(word)


def test_a_name_has_one_value() -> None:
    with pytest.raises(ValueError, match="forward is given twice"):
        numbers("forward=1", "forward=2")
    for words in (["ann.beta=1", "ann.beta.x=2"], ["ann.beta.x=2", "ann.beta=1"], ["ann.beta=1", "ann.beta=1"]):
        with pytest.raises(ValueError, match="is given twice"):
            parse_nested(words)


@pytest.mark.parametrize("word", ["ann", "ann=1", ".beta=1", "ann.=1", "ann..x=1"])
def test_settings_belong_to_a_name(word: str) -> None:
    with pytest.raises(ValueError, match=r"write NAME.SETTING=VALUE, not"):
        parse_nested([word])


def test_words_are_read_back() -> None:
    """A value is JSON or text; writing and reading again changes nothing."""
    words = ["ann.weights.forward=-1.5", "ann.soft=true", "bob.values=critic", "bob.shares=[1, 2]"]
    nested: dict[str, Any] = {
        "ann": {"weights": {"forward": -1.5}, "soft": True},
        "bob": {"values": "critic", "shares": [1, 2]},
    }
    assert parse_nested(words) == nested
    assert nested_words(nested) == words
