"""Where steps are kept: the recorder that segments are drawn from."""

from prefgym.buffers.recorder import Recorder as Recorder
from prefgym.buffers.recorder import RecorderCfg as RecorderCfg
