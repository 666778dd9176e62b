"""The card of the final policy: its film, its episodes, and its rewards along one of them."""

import numpy as np

from prefgym.report.data import Episode, FloatArray
from prefgym.report.facts import View, latest_return, numbers
from prefgym.report.markup import caption, card, command_line, film, note, pair, video
from prefgym.report.numbers import number
from prefgym.report.plot import NARROW, Plot, both, span_of
from prefgym.report.reward import HALF
from prefgym.video.clips import FINAL_SECONDS


def final_policy(view: View) -> str:
    """Show the median of the final episodes beside the returns of all."""
    footage = view.footage
    if view.state != "finished" and footage.final is None:
        told = "Filmed when the run ends. To look at the policy of its newest checkpoint:"
        if view.kept is not None and not view.run.result:
            told = f"Not filmed, since the run was killed. To look at its policy after {view.kept.steps:,} steps:"
        command = command_line(["prefgym", "evaluate", view.path, "--film"])
        return card("Final policy", note(told), command, name="final-policy")
    shown = _film(view)
    if not shown:
        reason = footage.missing or "this run recorded no episode of the final policy"
        shown = note(f"No video: {reason.rstrip('.')}.")
    return card("Final policy", pair(shown, _episodes(view)), _rewards(view), name="final-policy")


def _film(view: View) -> str:
    clip, episode = view.footage.final, view.run.final_episode
    if clip is None:
        return ""
    num_steps = _num_steps(episode)
    part = "the start of it" if clip.seconds * view.fps * clip.speed < num_steps - view.fps / 10 else ""
    slow = "" if clip.speed > 0.95 else f"{1 / clip.speed:.1f}\N{MULTIPLICATION SIGN} slow motion"
    rewards = None if episode is None or episode.reward is None else float(episode.reward.sum())
    total = "" if rewards is None else f", {view.run.metric} {number(rewards)}"
    length = f"of {num_steps:,} steps" if num_steps else "of the last policy"
    kind = "The median episode" if rewards is not None and _is_median(view, rewards) else "One episode"
    small = ", ".join(["without exploration noise", *(words for words in (part, slow) if words)])
    return film(video(clip, "the final policy"), kind, f"{length}{total}", small)


def _is_median(view: View, total: float) -> bool:
    returns = np.sort(numbers(view.run, "returns"))
    return len(returns) > 0 and bool(np.isclose(total, returns[(len(returns) - 1) // 2], rtol=1e-3))


def _episodes(view: View) -> str:
    """Draw the return of each final episode over its length, if lengths differ; otherwise over its rank."""
    returns, lengths = numbers(view.run, "returns"), numbers(view.run, "episode_lengths")
    final = latest_return(view.run)
    if final is None or len(returns) < 2 or len(returns) != len(lengths):
        return ""
    metric = view.run.metric

    def draw(is_wide: bool) -> str:
        size = (HALF if is_wide else NARROW, 250)
        plot = Plot(
            size, (0, 1.05 * max(float(lengths.max()), 1)), span_of(returns, zero=True), f"{metric} over length"
        )
        plot.axes("length of the episode, steps", f"{metric} of each of the {len(returns)} final episodes")
        plot.level(final.mean, f"mean {number(final.mean)}")
        plot.dots(lengths, returns, "dot", 0, radius=4)
        return plot.svg()

    ends = f"{final.ends[:1].upper()}{final.ends[1:]}, before their time limit." if final.ends else ""
    return both(draw) + caption(ends)


def _rewards(view: View) -> str:
    episode = view.run.final_episode
    if episode is None or (episode.reward is None and episode.learned is None):
        return ""
    name = f"{view.run.metric}" if view.run.is_counted else "true reward"
    num = max(round(FINAL_SECONDS * view.fps), 1)
    drawn = [
        both(
            lambda is_wide, values=values[:num], title=title, tint=tint: _along(values, view.fps, title, tint, is_wide)
        )
        for tint, (title, values) in enumerate(((name, episode.reward), ("learned reward", episode.learned)))
        if values is not None and len(values)
    ]
    seconds = min(FINAL_SECONDS, _num_steps(episode) / view.fps or FINAL_SECONDS)
    other = "what is counted" if view.run.is_counted else "the true one"
    told = f"The first {seconds:.0f} s of the filmed episode: the learned reward should rise and fall with {other}."
    return pair(*drawn) + caption(told if episode.learned is not None else "")


def _along(values: FloatArray, fps: float, title: str, tint: int, is_wide: bool) -> str:
    times = np.arange(len(values)) / fps
    across = (0.0, max(float(times[-1]), 1 / fps))
    plot = Plot((HALF if is_wide else NARROW, 150), across, span_of(values), f"{title} along the episode")
    plot.axes("seconds", f"{title} of a step")
    plot.line(times, values, "thin", tint)
    return plot.svg()


def _num_steps(episode: Episode | None) -> int:
    return 0 if episode is None or episode.state is None else len(episode.state) - 1
