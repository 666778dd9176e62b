"""The card of final policies: the median seed of each arm, filmed."""

from prefgym.common.errors import UserError
from prefgym.evaluation.envs import make_evaluation_env, source_of_run
from prefgym.report.compare.comparison import MOST_TINTS, Arms
from prefgym.report.compare.runs import ComparedRun
from prefgym.report.markup import card, film, note, video
from prefgym.report.markup import films as side_by_side
from prefgym.report.numbers import number
from prefgym.sim.capabilities import physics_of
from prefgym.sim.gl import RenderingUnavailable
from prefgym.sim.render import StateRenderer
from prefgym.video.clips import Clip, choose_pace, load_clip, make_clip
from prefgym.video.film import fps_of

SIZE = (400, 224)
"""Width and height, in pixels."""
SECONDS = 4.0
"""Most seconds of an episode: rendering takes a quarter of a second for each."""


def films(one: Arms) -> str:
    """Show films of final policies; without any, the reason."""
    shown: list[str] = []
    missing = ""
    for arm in one.finished[:MOST_TINTS]:
        run = arm.median_run
        assert run is not None
        try:
            clip = film_of(run)
        except (UserError, RenderingUnavailable) as error:
            missing = str(error)
            continue
        if clip is not None:
            picture = video(clip, f"the final policy of {run.name}")
            shown.append(film(picture, arm.name, run.name, _about(one, run), one.tint(arm)))
    if not one.finished:
        return ""
    missing = missing or "these runs recorded no physics states of their final policies"
    about = f"The median seed of each arm, the first {SECONDS:.0f} s" if shown else ""
    without = note(f"No films: {missing.rstrip('.')}.")
    return card("Final policies", side_by_side(*shown) or without, about=about, name="films")


def film_of(run: ComparedRun) -> Clip | None:
    """Film the start of the final episode of a run; None if it recorded none.

    Raises:
        UserError: If its environment cannot be made.
        RenderingUnavailable: If there is no OpenGL.
    """
    if run.data.final_clip is not None:
        return load_clip(run.data.final_clip)
    states = None if run.data.final_episode is None else run.data.final_episode.state
    if states is None:
        return None
    env = make_evaluation_env(source_of_run(run.path), 1, 1)
    physics = physics_of(env)
    if physics is None:
        return None
    fps = fps_of(env)
    pace = choose_pace(len(states), fps)
    width, height = SIZE
    with StateRenderer(physics.model, width=width, height=height, camera=physics.camera) as draw:
        return make_clip(draw(states[: round(SECONDS * fps) + 1 : pace.stride]), pace)


def _about(one: Arms, run: ComparedRun) -> str:
    episode = run.data.final_episode
    if episode is None or episode.reward is None:
        return ""
    kind = "The median" if run.data.fact("filmed") == "median" else "One"
    early, num = run.early(one.limit)
    told = f"{kind} of {num} final episodes, {one.metric} {number(float(episode.reward.sum()))}"
    return f"{told}; their mean is {number(run.final)}, {early} of {num} end early."
