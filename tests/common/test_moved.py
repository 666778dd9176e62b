"""Modules under the names of version 0.1."""

import importlib
import importlib.util

import pytest

from prefgym.common.errors import UserError
from prefgym.common.moved import MOVED
from prefgym.core.kinds import Comparison
from prefgym.training.config import TrainCfg


def test_a_former_name_gives_what_is_there_today_and_says_where() -> None:
    with pytest.warns(FutureWarning, match="prefgym.preferences is prefgym.core.preferences now"):
        former = importlib.import_module("prefgym.preferences")
    assert former.Answers is Comparison


def test_a_module_that_was_split_has_all_its_names() -> None:
    with pytest.warns(FutureWarning, match="prefgym.config is prefgym.training.config and prefgym.common.errors now"):
        former = importlib.import_module("prefgym.config")
    assert (former.UserError, former.TrainCfg) == (UserError, TrainCfg)


def test_each_module_is_where_the_table_says() -> None:
    for today in " ".join(MOVED.values()).split():
        assert importlib.util.find_spec(f"prefgym.{today}") is not None, today


def test_other_names_are_left_alone() -> None:
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("prefgym.nothing")
