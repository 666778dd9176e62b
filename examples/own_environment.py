"""Learn a reward for an environment of one's own: give a function that makes it, or an id of Gymnasium's."""

from typing import Any

import gymnasium as gym
import numpy as np

import prefgym

Info = dict[str, Any]


class Point(gym.Env[np.ndarray, np.ndarray]):
    """A point in the plane that is to go to the origin. Its reward is hidden from the agent, and shown to the rater."""

    observation_space, action_space = gym.spaces.Box(-2.0, 2.0, (2,)), gym.spaces.Box(-1.0, 1.0, (2,))

    def reset(self, *, seed: int | None = None, options: Info | None = None) -> tuple[np.ndarray, Info]:
        """Begin anywhere in the unit square."""
        super().reset(seed=seed)
        self.position = self.np_random.uniform(-1.0, 1.0, 2).astype(np.float32)
        return self.position.copy(), {}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, Info]:
        """Move by a tenth of the action."""
        self.position = np.clip(self.position + 0.1 * action, -2.0, 2.0).astype(np.float32)
        return self.position.copy(), -float(np.linalg.norm(self.position)), False, False, {}


def main(steps: int = 100_000, budget: int = 200) -> prefgym.Run:
    """Train on preferences in episodes of 50 steps."""
    return prefgym.train(lambda: gym.wrappers.TimeLimit(Point(), 50), budget=budget, steps=steps)


if __name__ == "__main__":
    main()
