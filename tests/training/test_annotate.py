"""Asking about what is recorded: each query once, and in order, however answers come back."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.envs.registration import EnvSpec
from tiny import tiny_reward, tiny_run, tiny_sampler

from prefgym import raters
from prefgym.common.errors import UserError
from prefgym.core.kinds import Thumbs
from prefgym.core.queries import Queries
from prefgym.data.feedback import read_feedback
from prefgym.demos.collect import DemosCfg, write_demos
from prefgym.envs import TASKS, expert
from prefgym.raters.hindsight import HindsightRater, HindsightRaterCfg
from prefgym.raters.regret import RegretRater, RegretRaterCfg
from prefgym.samplers.uniform import UniformSamplerCfg
from prefgym.sim.continuation import Simulator
from prefgym.testing import LateRater, LateRaterCfg, example_segments
from prefgym.training import annotate as questions
from prefgym.training.annotate import MakePreferencesCfg, ask, make_preferences

HOPPER, POLE = "prefgym/Hopper-v0", "prefgym/InvertedPendulum-v0"


def test_answers_that_come_late_and_twice_are_taken_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "WAIT_S", 0.0)
    queries = Queries.of(example_segments(20, 2))
    late = LateRater(raters.make("oracle", seed=1), LateRaterCfg(delay=3, lost=0.0, twice=1.0))
    answers, at_once = ask(late, queries), ask(raters.make("oracle", seed=1), queries)
    assert answers.query_id.tolist() == list(range(20))
    assert torch.equal(answers.answers.choice, at_once.answers.choice)


def demos(env: str, dataset: str, *, state: bool = True) -> None:
    write_demos(DemosCfg(env=env, policy=("random",), episodes=6, dataset=dataset, out=Path("data"), state=state))


def asked(dataset: str, rater: str = "oracle", cfg: object = None) -> MakePreferencesCfg:
    return MakePreferencesCfg(
        dataset=dataset,
        datasets=Path("data"),
        out=Path("answers"),
        rater=rater,
        rater_cfg=cfg,
        queries=6,
        sampler=UniformSamplerCfg(segment_length=8, recent_steps=None),
        threads=1,
    )


@pytest.mark.filterwarnings("ignore")  # of packages that are not ours
@pytest.mark.parametrize(
    ("name", "kind", "cfg"),
    [
        ("hindsight", HindsightRater, HindsightRaterCfg(policy="expert", num_steps=40)),
        ("regret", RegretRater, RegretRaterCfg(values="simulation")),
    ],
)
def test_a_rater_that_simulates_judges_demonstrations(name: str, kind: Any, cfg: object) -> None:  # noqa: ANN401
    """It answers as it does about the segments in the file, which carry their states."""
    demos(HOPPER, "hop/a-v0")
    made = make_preferences(asked("hop/a-v0", name, cfg))
    options = read_feedback("answers").queries.options
    assert options.state is not None
    rater = kind(cfg, expert=expert(HOPPER), simulator=Simulator(TASKS["Hopper"], num_worlds=8, num_threads=1))
    assert made.answers.choice.argmax(-1).tolist() == rater.score(options).argmax(-1).tolist()


@pytest.mark.filterwarnings("ignore")  # of packages that are not ours
def test_a_dataset_without_states_is_judged_by_its_rewards_only() -> None:
    """As datasets of earlier versions."""
    demos(HOPPER, "hop/a-v0", state=False)
    with pytest.raises(UserError, match=r"rater 'hindsight' cannot judge .* needs recorded physics states"):
        make_preferences(asked("hop/a-v0", "hindsight", HindsightRaterCfg(policy="expert")))
    assert make_preferences(asked("hop/a-v0")).queries.options.state is None


class Cart(gym.Env[Any, Any]):
    """An environment of the sizes of a pole on a cart, which no physics simulates."""

    observation_space = gym.spaces.Box(-9, 9, (4,), np.float32)
    action_space = gym.spaces.Box(-3, 3, (1,), np.float32)


@pytest.mark.filterwarnings("ignore")  # of packages that are not ours
def test_states_of_another_environment_are_left_out(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = EnvSpec("tests/Cart-v0", entry_point=lambda **_: Cart(), max_episode_steps=9)
    monkeypatch.setitem(gym.registry, "tests/Cart-v0", spec)
    demos(POLE, "pole/a-v0")
    made = make_preferences(replace(asked("pole/a-v0"), env="tests/Cart-v0"))
    assert made.queries.options.state is None
    left_out = "--dataset pole/a-v0: its physics states are left out, since tests/Cart-v0 has others"
    assert left_out in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore")  # of packages that are not ours
def test_queries_have_as_many_segments_as_the_kind_is_about() -> None:
    """Thumbs about single segments of demonstrations; other numbers are refused, and a run begins with them."""
    demos(POLE, "pole/a-v0")
    cfg = replace(asked("pole/a-v0", "oracle", raters.cfg("oracle", gives="thumbs")), queries=20)
    made = make_preferences(cfg)
    assert (made.kinds, made.parts[0].queries.num_options) == ((Thumbs,), 1)
    with pytest.raises(UserError, match=r"the rater gives thumbs, about one segment; pass --sampler\.num-options 1"):
        make_preferences(replace(cfg, out=Path("other"), sampler=replace(cfg.sampler, num_options=2)))
    assert not Path("other").exists()
    begun = {"preferences": "answers", "sampler": tiny_sampler(8), "report": False}
    assert tiny_run(**begun, out="run").result.num_asked == 10
    with pytest.raises(UserError, match="answers holds thumbs, and --reward preference-model fits comparison"):
        tiny_run(**begun, reward=tiny_reward("preference-model"), out="none")
