"""The card of final policies: the median seed of each arm, filmed."""

from prefgym.common.errors import UserError
from prefgym.evaluation.envs import make_evaluation_env, source_of_run
from prefgym.report import footage
from prefgym.report.compare.arms import Arm
from prefgym.report.compare.comparison import Arms
from prefgym.report.compare.runs import ComparedRun
from prefgym.report.footage import Footage
from prefgym.report.markup import card, film, note, video
from prefgym.report.markup import films as side_by_side
from prefgym.report.numbers import number
from prefgym.sim.capabilities import physics_of
from prefgym.video.film import fps_of

MOST_FILMS = 4
"""Films take seconds each, and more of them compare nothing at a glance."""


def films(one: Arms) -> str:
    """Show films of final policies; without any, the reason."""
    shown: list[str] = []
    missing = ""
    for arm in one.finished[:MOST_FILMS]:
        run = arm.median_run
        assert run is not None
        found = footage_of(run)
        if found.final is None:
            missing = missing or found.missing
            continue
        label = f"the final policy of {run.name}"
        shown.append(film(video(found.final, label), arm.name, run.name, _about(one, arm, run), one.tint(arm)))
    if not one.finished or not (shown or missing):
        return ""
    about = "The median seed of each arm"
    return card("Final policies", side_by_side(*shown) or note(f"{missing}."), about=about, name="films")


def footage_of(run: ComparedRun) -> Footage:
    """Film the final episode of a run; without pictures, return the reason."""
    try:
        env = make_evaluation_env(source_of_run(run.path), 1, 1)
    except UserError as error:
        return Footage(missing=str(error).rstrip("."))
    physics = physics_of(env)
    return footage.film(
        episode=run.data.final_episode,
        preferences=None,
        model=None if physics is None else physics.model,
        camera={} if physics is None else physics.camera,
        fps=fps_of(env),
        final_clip=run.data.final_clip,
    )


def _about(one: Arms, arm: Arm, run: ComparedRun) -> str:
    episode = run.data.final_episode
    if episode is None or episode.reward is None:
        return ""
    kind = "The median" if run.data.fact("filmed") == "median" else "One"
    early, num = run.early(one.limit)
    told = f"{kind} of {num} final episodes, {one.metric} {number(float(episode.reward.sum()))}"
    return f"{told}; their mean is {number(run.final)}, {early} of {num} end early."
