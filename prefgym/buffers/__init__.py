"""Where steps are kept: the recorder that segments are drawn from, and the replay buffers that agents learn from."""

from prefgym.buffers.recorder import Recorder as Recorder
from prefgym.buffers.recorder import RecorderCfg as RecorderCfg
