"""The bridge to Stable-Baselines3, under its public name."""

from prefgym.training.sb3_callback import PreferenceCallback as PreferenceCallback
from prefgym.wrappers.sb3 import ReplayBuffer as ReplayBuffer
from prefgym.wrappers.sb3 import VecEnv as VecEnv
