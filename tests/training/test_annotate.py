"""Asking about what is recorded: each query once, and in order, however answers come back."""

import pytest
import torch

from prefgym import raters
from prefgym.core.queries import Queries
from prefgym.testing import LateRater, LateRaterCfg, example_segments
from prefgym.training import annotate as questions
from prefgym.training.annotate import ask


def test_answers_that_come_late_and_twice_are_taken_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "WAIT_S", 0.0)
    queries = Queries.of(example_segments(20, 2))
    late = LateRater(raters.make("oracle", seed=1), LateRaterCfg(delay=3, lost=0.0, twice=1.0))
    answers, at_once = ask(late, queries), ask(raters.make("oracle", seed=1), queries)
    assert answers.query_id.tolist() == list(range(20))
    assert torch.equal(answers.answers.choice, at_once.answers.choice)
