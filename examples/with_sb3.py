"""Train Stable-Baselines3's SAC in a loop of one's own, on a reward that is learned from preferences."""

import gymnasium as gym
from stable_baselines3 import SAC

import prefgym
from prefgym import Preferences
from prefgym.sb3 import ReplayBuffer, VecEnv


def main(steps: int = 100_000, sessions: int = 10, queries: int = 50) -> SAC:
    """Alternate between training, asking and fitting; the replay buffer is relabelled after each fit."""
    env = prefgym.PreferenceVectorEnv(gym.make_vec("Hopper-v5", 4, vector_kwargs={"autoreset_mode": "SameStep"}))
    model = SAC("MlpPolicy", VecEnv(env), replay_buffer_class=ReplayBuffer, learning_starts=100, seed=0)
    assert isinstance(model.replay_buffer, ReplayBuffer)
    rater, reward = prefgym.raters.make("oracle"), prefgym.rewards.make("ensemble", env=env)
    answers: list[Preferences] = []
    for _ in range(sessions):
        model.learn(steps // sessions, reset_num_timesteps=False)
        answers.append(rater(env.sample_queries(queries, length=10)))
        reward.fit(Preferences.cat(answers))
        env.install_reward(reward)  # rewards the steps to come
        model.replay_buffer.relabel(reward)  # and the stored ones
    return model


if __name__ == "__main__":
    main()
