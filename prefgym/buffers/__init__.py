"""Storage of steps: recorders, from which segments are sampled, and replay buffers, from which agents learn."""

from prefgym.buffers.recorder import Recorder as Recorder
from prefgym.buffers.recorder import RecorderCfg as RecorderCfg
