"""Environments that are not ours: trained in, drawn, and refused in one sentence."""

import importlib.util
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from commands import run
from gymnasium.envs.registration import EnvSpec
from tiny import POLE, tiny_run

from prefgym.buffers.recorder import RecorderCfg
from prefgym.common.errors import UserError
from prefgym.data.tables import load_preferences
from prefgym.evaluation.envs import make_evaluation_env, source_of_run
from prefgym.evaluation.evaluate import evaluate
from prefgym.sim import third_party
from prefgym.sim.gl import mujoco
from prefgym.training.load import load_policy
from prefgym.training.run import Run
from prefgym.video.film import film, rendering_env
from prefgym.wrappers.preference import PreferenceEnv


class Plain(gym.Env[Any, Any]):
    """An environment whose constructor takes nothing."""

    observation_space = action_space = gym.spaces.Box(-1, 1, (1,), np.float32)

    def reset(self, **_: Any) -> tuple[Any, dict[str, Any]]:  # noqa: ANN401
        return np.zeros(1, np.float32), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:  # noqa: ANN401
        return np.zeros(1, np.float32), float(action[0]), False, False, {}


def test_an_environment_takes_no_arguments_and_its_run_is_read_where_it_is_registered() -> None:
    entry_point: Any = Plain  # made without arguments
    gym.register("Plain-v0", entry_point=entry_point, max_episode_steps=50)
    try:
        ran = tiny_run("Plain-v0", report=False, out="run")
        evaluate(load_policy(ran.path), make_evaluation_env(source_of_run(ran.path), 1, 1))
    finally:
        gym.registry.pop("Plain-v0")
    for use in (lambda: make_evaluation_env(source_of_run(ran.path), 1, 1), Run("run").report):
        with pytest.raises(UserError, match=r"^Plain-v0 cannot be made: ") as told:
            use()
        assert str(told.value).endswith("prefgym --import MODULE imports a module that registers it.")


def test_an_environment_that_lacks_something_is_told() -> None:
    gym.register("Lacking-v0", entry_point="no_such_module:World")
    try:
        with pytest.raises(UserError, match=r"^Lacking-v0 cannot be made: No module named 'no_such_module'\.$"):
            tiny_run("Lacking-v0", out="run")
    finally:
        gym.registry.pop("Lacking-v0")
    assert not Path("run").exists()


@pytest.mark.filterwarnings("ignore")  # of packages that are not ours
@pytest.mark.parametrize(
    "env_id",
    [
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("FetchReachDense-v4", "dm_control/walker-walk-v0")),
        "Pendulum-v1",
    ],
)
def test_environments_that_are_not_ours_train_and_have_pictures(
    env_id: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Where MuJoCo simulates, the queries are shown as well."""
    if env_id.startswith("dm_control"):
        pytest.importorskip("dm_control")  # has no wheel for Python 3.13
    out = tmp_path / "run"
    tiny_run(env_id, out=out)
    output, error = capsys.readouterr()
    assert "10 queries" in output
    assert "cannot be resumed" in error
    page = (out / "report.html").read_text()
    assert page.count("<video") == (1 if env_id == "Pendulum-v1" else 7)
    assert film(source_of_run(out), load_policy(out), 10_000, out / "episode.mp4").is_file()


@pytest.mark.filterwarnings("ignore")  # of packages that are not ours
def test_queries_that_are_not_ours_are_shown_if_pictures_are_recorded(tmp_path: Path) -> None:
    """Six of ten queries, and the final policy; the page can be written again, and nothing else has changed."""
    out, blind = tmp_path / "run", tmp_path / "blind"
    ran = tiny_run("Pendulum-v1", recorder=RecorderCfg(frame_height=32), out=out)
    assert ran.result.num_asked == 10
    tiny_run("Pendulum-v1", report=False, out=blind)
    policy = Path("checkpoints", "final", "policy.safetensors")
    assert (out / policy).read_bytes() == (blind / policy).read_bytes()
    options = load_preferences(out / "preferences" / "preferences").queries.options
    assert options.state is None
    assert options.frames is not None and options.frames.shape == (10, 2, 5, 32, 32, 3)
    (out / "report.html").rename(tmp_path / "first.html")
    ran.report()
    for page in (tmp_path / "first.html", out / "report.html"):
        assert page.read_text().count("<video") == 7


class Unseen(gym.Env[Any, Any]):
    """An environment that cannot be drawn."""

    observation_space = action_space = gym.spaces.Box(-1, 1, (1,), np.float32)

    def __init__(self, render_mode: str | None = None) -> None:
        self.render_mode = render_mode

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start an episode."""
        return np.zeros(1, np.float32), {}


class Unpainted(Unseen):
    """One that could be, with paint."""

    metadata = {"render_modes": ["rgb_array"]}  # noqa: RUF012  (as Gymnasium has it)

    def render(self) -> None:
        """Say what is missing."""
        raise gym.error.DependencyNotInstalled("there is no paint")


@pytest.mark.parametrize(
    ("env", "room", "sentence"),
    [
        ("tests/Unseen-v0", {}, "tests/Unseen-v0 cannot render: leave --recorder.frame-height out."),
        ("tests/Unpainted-v0", {}, "tests/Unpainted-v0 cannot be recorded: there is no paint."),
        # 4 (3 + 1) + 8 + 4 + 4 + 1 + 3 * 96 * 96 = 27681 bytes a row
        ("Pendulum-v1", {"capacity_bytes": 200_000}, "1 rows of 27681 bytes"),
        (POLE, {"capacity_steps": 4}, "cannot be recorded: the recorder's capacity leaves 1 rows"),
        (POLE, {"frame_height": -1}, "frame_height must be 0 or more, not -1"),
    ],
)
def test_pictures_that_cannot_be_recorded_are_refused_in_one_sentence(
    env: str, room: dict[str, Any], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind in (Unseen, Unpainted):
        env_id = f"tests/{kind.__name__}-v0"
        monkeypatch.setitem(gym.registry, env_id, EnvSpec(env_id, entry_point=partial(kind)))
    with pytest.raises(ValueError, match=sentence):
        tiny_run(env, recorder=RecorderCfg(**{"frame_height": 96, **room}), out="run")
    assert not Path("run").exists()


class Two(gym.Env[Any, Any]):
    """A MuJoCo environment with a camera of its own: its pictures are of one colour."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 20}  # noqa: RUF012 (as Gymnasium has it)
    observation_space = action_space = gym.spaces.Box(-1, 1, (1,), np.float32)

    def __init__(self, render_mode: str | None = None) -> None:
        self.render_mode = render_mode
        self.model = mujoco.MjModel.from_xml_string("<mujoco><worldbody><geom size='1'/></worldbody></mujoco>")
        self.data = mujoco.MjData(self.model)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        return np.zeros(1, np.float32), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:  # noqa: ANN401
        return np.zeros(1, np.float32), float(action[0]), False, False, {}

    def render(self) -> Any:  # noqa: ANN401
        return np.full((16, 16, 4), 7, np.uint8)  # with transparency


def test_pictures_of_an_environment_are_its_own_if_they_are_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Those of queries and of the final policy; states are recorded in any case."""
    entry: Any = Two
    monkeypatch.setitem(gym.registry, "tests/Two-v0", EnvSpec("tests/Two-v0", entry_point=entry, max_episode_steps=50))
    for height in (0, 96):
        out = tmp_path / f"of {height}"
        tiny_run("tests/Two-v0", recorder=RecorderCfg(frame_height=height), out=out)
        options = load_preferences(out / "preferences" / "preferences").queries.options
        assert options.state is not None
        assert (out / "report" / "final_clip.safetensors").is_file() == (height > 0)
        if height:
            assert options.frames is not None and options.frames.shape[-3:] == (16, 16, 3)
            assert options.frames[:, :, :1].unique().tolist() == [7]
    env = PreferenceEnv(
        gym.make("tests/Two-v0", render_mode="rgb_array", disable_env_checker=True),
        recorder=RecorderCfg(frame_height=8),
    )
    env.reset()
    env.step(np.zeros(1, np.float32))
    frames = env.recorder.segments(env.recorder.starts(1), 1).frames
    assert frames is not None and frames.shape == (1, 1, 8, 8, 3)


@pytest.mark.parametrize("kind", ["MujocoRenderer", "pygame"])
def test_a_renderer_that_lacks_a_display_is_a_sentence(
    kind: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As of Gymnasium's MuJoCo environments, and of pygame: the run ends, and its film is missing."""

    class Blind(Two):
        def render(self) -> Any:  # noqa: ANN401
            if kind == "pygame":
                raise RuntimeError("No available video device")
            mujoco.MjrContext(self.model, mujoco.mjtFontScale.mjFONTSCALE_100.value)  # without a context of OpenGL

    entry: Any = Blind
    monkeypatch.setitem(
        gym.registry, "tests/Blind-v0", EnvSpec("tests/Blind-v0", entry_point=entry, max_episode_steps=50)
    )
    with pytest.raises(UserError, match=r"^tests/Blind-v0 cannot be recorded: \w.*\.$"):
        tiny_run("tests/Blind-v0", recorder=RecorderCfg(frame_height=96), out=tmp_path / "run")
    assert rendering_env("tests/Blind-v0") is None
    assert "no video: tests/Blind-v0 cannot render: " in capsys.readouterr().err


def test_a_package_that_is_missing_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As on a plain install: these packages cannot be found there."""
    missing = ("dm_control", "shimmy", "gymnasium_robotics")
    found = importlib.util.find_spec
    monkeypatch.setattr(third_party, "find_spec", lambda name: None if name in missing else found(name))
    for env_id in [known for known in gym.registry if known.startswith(("Fetch", "Hand", "dm_control/"))]:
        monkeypatch.delitem(gym.registry, env_id)
    for env_id, needs in (
        ("FetchReachDense-v4", "gymnasium_robotics, which is not installed: pip install 'prefgym[robotics]'"),
        ("HandReach-v3", "gymnasium_robotics, which is not installed: pip install 'prefgym[robotics]'"),
        ("dm_control/walker-walk-v0", "shimmy, which is not installed: pip install 'prefgym[dm-control]'"),
    ):
        code, _, error = run(capsys, "train", "--env", env_id, "--out", "run")
        assert (code, error) == (2, f"prefgym: {env_id} needs {needs}.\n")
        assert run(capsys, "demos", "--env", env_id, "--dataset", "aa/aa-v0")[2] == error


def test_too_little_memory_is_a_sentence(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """NumPy refuses arrays that no machine holds: as an environment of others may ask for, and our own recorder."""

    class Wide(Two):
        def __init__(self) -> None:
            np.zeros(2**60, np.uint8)

    entry: Any = Wide
    monkeypatch.setitem(
        gym.registry, "tests/Wide-v0", EnvSpec("tests/Wide-v0", entry_point=entry, max_episode_steps=50)
    )
    for command in (("train", "--out", "run"), ("demos", "--dataset", "aa/aa-v0", "--policy", "random")):
        code, _, error = run(capsys, command[0], "--env", "tests/Wide-v0", *command[1:])
        assert code == 2 and error.count("\n") == 1 and "memory" in error
