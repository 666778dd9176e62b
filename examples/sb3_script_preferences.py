"""Train Stable-Baselines3's SAC on preferences: sb3_script.py, with three lines more."""

import gymnasium as gym
from stable_baselines3 import SAC
from stable_baselines3.common.callbacks import BaseCallback, EvalCallback
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor

from prefgym.sb3 import PreferenceCallback


def main(steps: int = 100_000, episodes: int = 10) -> SAC:
    """Train in Hopper, evaluate on the way, and print the mean return of the last policy."""
    env, eval_env = gym.make("Hopper-v5"), Monitor(gym.make("Hopper-v5"))
    model = SAC("MlpPolicy", env, gamma=0.99, learning_starts=100, seed=0)
    callbacks: list[BaseCallback] = [EvalCallback(eval_env, eval_freq=max(steps // 10, 1), n_eval_episodes=episodes)]
    callbacks.append(feedback := PreferenceCallback(rater="oracle", budget=200))
    model.learn(steps, callback=callbacks)
    mean, std = evaluate_policy(model, eval_env, n_eval_episodes=episodes)
    print(f"mean return {mean:.0f} ± {std:.0f} over {episodes} episodes")
    model.save("hopper")
    print(feedback.preferences)
    eval_env.close()
    return model


if __name__ == "__main__":
    main()
