"""A watcher who presses good and bad with delay, while the policy trains: TAMER's setting, through the store."""

from statistics import median
from typing import Any

import numpy as np
import pytest
import torch
from people import People, Person

import prefgym
from prefgym.core.segments import Segments
from prefgym.store.store import Store
from prefgym.training.budget import ScheduleCfg
from prefgym.training.callbacks import Callback
from prefgym.training.config import CheckpointCfg, EvalCfg
from prefgym.training.run import Run

CHEETAH = "prefgym/HalfCheetah-v0"
SPEED = 8
"""The observation of HalfCheetah that is its speed forward, which the watcher looks at."""
DT_S, DELAY_S, LOOK = 0.05, (0.2, 0.8), 4
"""Time of a step, times of a reaction, and the steps that the watcher looks at before it reacts."""


class Watcher:
    """Presses good where the cheetah is faster than lately, and bad where it is slower, 0.2 to 0.8 s too late."""

    def __init__(self) -> None:
        self.person: Person | None = None
        self.seen: list[float] = []
        self.num_presses = 0
        self._generator = torch.Generator().manual_seed(0)

    def __call__(self, store: Store, study: str, steps: int) -> None:
        """Watch what there is."""
        self.person = self.person or Person(store, study, self.press)
        self.person.answer(100)

    def press(self, shown: Segments) -> dict[str, Any]:
        """Watch one segment."""
        speed = shown.obs[0, 1 : int(shown.length[0]) + 1, SPEED]
        self.seen.append(float(speed.mean()))
        usual = median(self.seen[-200:])
        presses: list[dict[str, Any]] = []
        for step in range(LOOK, len(speed), 2 * LOOK):
            waits = torch.rand((), generator=self._generator) * (DELAY_S[1] - DELAY_S[0]) + DELAY_S[0]
            at = step - LOOK / 2 + float(waits) / DT_S
            if at < len(speed):
                presses.append({"step": at, "good": bool(speed[step - LOOK : step + 1].mean() > usual)})
        self.num_presses += len(presses)
        return {"presses": presses}


def watched(out: str, steps: int, *callbacks: Callback) -> Run:
    """Train while somebody may watch 120 segments, in 12 sessions."""
    return prefgym.train(
        CHEETAH,
        rater=prefgym.raters.cfg("human", gives="live", serve=False),
        agent=prefgym.agents.cfg("ppo", env=CHEETAH, num_envs=8, num_steps=125, minibatch_size=250, anneal=False),
        reward=prefgym.rewards.cfg("ensemble", num_members=2),
        sampler=prefgym.samplers.cfg("uniform", segment_length=50, recent_steps=2000),
        schedule=ScheduleCfg(num_sessions=12, first=0.04, last=0.6, spacing=1.0),
        eval=EvalCfg(every=10**6, episodes=1, final_episodes=4, at_sessions=False),
        checkpoint=CheckpointCfg(every=10**6, keep_final=False),
        steps=steps,
        budget=120,
        threads=1,
        report=False,
        out=out,
        callbacks=callbacks,
    )


@pytest.mark.slow
def test_a_policy_is_learned_from_presses() -> None:
    """The reward rises with the speed, and the cheetah runs, which it does not if nobody presses."""
    watcher = Watcher()
    run = watched("watched", 24_000, People(watcher))
    assert watcher.num_presses > 300 and run.preferences is not None
    accuracy = run.metrics["reward_model/accuracy"]
    assert float(accuracy[~np.isnan(accuracy)][-1]) > 0.6  # of the signs of presses that were held out
    options = run.preferences.parts[0].queries.options
    reward, speed = run.reward.reward(options).mean(0).flatten(), options.obs[..., 1:, SPEED].flatten()
    assert float(torch.corrcoef(torch.stack([reward, speed]))[0, 1]) > 0.3
    alone = watched("alone", 4000)  # its policy stays as it is
    assert alone.result.num_answered == 0
    assert run.result.mean_return > 100 + alone.result.mean_return
    print(f"return {run.result.mean_return:.0f}, without a press {alone.result.mean_return:.0f}")
