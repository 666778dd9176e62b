"""One self-contained HTML page about a run: numbers, charts, clips; it is the same page while the run goes on.

Nothing here is needed for training, and importing it loads the video encoder.
"""

from prefgym.report.page import write_report as write_report
from prefgym.video.clips import encode_mp4 as encode_mp4
from prefgym.video.clips import side_by_side as side_by_side

__all__ = ["encode_mp4", "side_by_side", "write_report"]
