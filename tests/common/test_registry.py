"""Registries: names, settings, other people's parts."""

import subprocess
import sys
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from prefgym import agents, raters, rewards, samplers
from prefgym.common import registry
from prefgym.common.errors import UnknownNameError
from prefgym.common.registry import Registry
from prefgym.core.context import RaterContext
from prefgym.core.feedback import Feedback
from prefgym.envs import ANT_CIRCLE
from prefgym.sim.metric_counter import MetricCounter
from prefgym.testing import example_preferences

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, kw_only=True)
class BoxCfg:
    """Settings of a part for tests."""

    width: float = 1.0
    """Width, in m."""
    colour: str = "red"
    """Colour."""


def blue() -> BoxCfg:
    """Return a preset."""
    return BoxCfg(colour="blue")


class Box:
    """A part for tests."""

    def __init__(self, cfg: BoxCfg, *, label: str = "") -> None:
        self.cfg, self.label = cfg, label


@pytest.fixture
def boxes(monkeypatch: pytest.MonkeyPatch) -> "Registry[Box]":
    """Return a registry with a part and a preset of it, both of this module."""
    module = sys.modules[__name__]
    monkeypatch.setitem(registry.KINDS, "box", "prefgym.test_boxes")  # pyright: ignore[reportArgumentType]
    monkeypatch.setitem(sys.modules, "boxes", module)
    found: Registry[Box] = Registry("box")  # pyright: ignore[reportArgumentType]
    found.register("box", "boxes:Box")
    found.register("blue-box", "boxes:Box", cfg="blue")
    return found


def test_parts_are_made_by_name(boxes: "Registry[Box]") -> None:
    """Settings go to the configuration, all else to the constructor."""
    box = boxes.make("box", width=2.0, label="x")
    assert (box.cfg, box.label) == (BoxCfg(width=2.0), "x")
    assert boxes.get("box") is Box


def test_presets_are_changed_by_settings(boxes: "Registry[Box]") -> None:
    """A preset brings its own values; settings override them."""
    assert boxes.cfg("blue-box") == BoxCfg(colour="blue")
    assert boxes.make("blue-box", width=3.0).cfg == BoxCfg(colour="blue", width=3.0)


def test_build_gives_what_the_constructor_takes(boxes: "Registry[Box]") -> None:
    """What the surroundings offer and the part does not take is left out."""
    box = boxes.build("box", BoxCfg(width=4.0), label="y", seed=3)
    assert (box.cfg.width, box.label) == (4.0, "y")


def test_names_are_sorted(boxes: "Registry[Box]") -> None:
    """All registered names are listed, presets too."""
    assert boxes.names() == ("blue-box", "box")


@pytest.mark.parametrize("method", ["get", "cfg", "make"])
def test_unknown_names_answer_what_was_meant(boxes: "Registry[Box]", method: str) -> None:
    """A misspelt name is one sentence with the closest one."""
    with pytest.raises(UnknownNameError, match=r"^unknown box 'blu-box': did you mean 'blue-box'\?$"):
        getattr(boxes, method)("blu-box")


def test_names_like_no_other_answer_all_there_are(boxes: "Registry[Box]") -> None:
    """Where nothing is close, all names are listed."""
    with pytest.raises(UnknownNameError, match=r"^unknown box 'qqq': choose among box, blue-box$"):
        boxes.get("qqq")


@pytest.mark.parametrize("method", ["cfg", "make"])
def test_unknown_settings_answer_what_was_meant(boxes: "Registry[Box]", method: str) -> None:
    """A misspelt setting is one sentence with the closest one."""
    with pytest.raises(UnknownNameError, match=r"^box 'box' has no setting 'widht': did you mean 'width'\?$"):
        getattr(boxes, method)("box", widht=1.0)


def test_a_name_is_given_once(boxes: "Registry[Box]") -> None:
    """A second part of the same name is an error."""
    with pytest.raises(ValueError, match="'box' is registered twice"):
        boxes.register("box", "boxes:Other")


def test_other_packages_plug_in(boxes: "Registry[Box]", monkeypatch: pytest.MonkeyPatch) -> None:
    """A part declared as an entry point is a part like ours."""
    points = [EntryPoint(name="their-box", value="boxes:Box", group="prefgym.test_boxes")]
    monkeypatch.setattr(registry, "entry_points", lambda group: [p for p in points if p.group == group])
    assert boxes.names() == ("blue-box", "box", "their-box")
    assert boxes.make("their-box", width=5.0).cfg.width == 5.0


def test_other_packages_take_no_name_of_ours(boxes: "Registry[Box]", monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry point under a name of ours is an error that says where it comes from."""
    points = [EntryPoint(name="box", value="theirs:Box", group="prefgym.test_boxes")]
    monkeypatch.setattr(registry, "entry_points", lambda group: points)
    with pytest.raises(ValueError, match="registered twice, the second time by theirs:Box"):
        boxes.names()


def test_raters_and_samplers_are_registered() -> None:
    """Every name that the command line promises is there and can be made."""
    promised = {"partial-return", "oracle", "stochastic", "mistake", "skip", "equal", "myopic", "none"}
    promised |= {"heron", "cyclic", "turning", "peak-end", "mixture", "fallible", "one-sided", "drifting"}
    promised |= {"regret", "hindsight", "safety", "soft", "weighted", "principles", "metric-oracle", "foresight"}
    assert promised <= set(raters.names())
    assert {"uniform", "disagreement", "entropy", "k-center", "disagreement-k-center"} <= set(samplers.names())
    names = ("reward_forward", "b", "c")
    anything: Any = object()
    context = RaterContext(
        factor_names=names,
        ranking=names,
        safe_limit=1.0,
        policy=anything,
        make_expert=lambda: anything,
        make_recorded=lambda: Feedback.of(example_preferences()),
        make_simulator=lambda: anything,
        make_metric=lambda: MetricCounter(ANT_CIRCLE),
        make_drawer=lambda: anything,
    )
    given: dict[str, dict[str, Any]] = {"principles": {"principles": {"fast": "forward:above:1"}}}
    assert all(raters.build(name, raters.cfg(name, **given.get(name, {})), context) for name in raters.names())
    assert all(samplers.make(name) for name in samplers.names())


def test_what_a_context_offers_is_made_only_for_those_who_ask() -> None:
    """An expert is loaded for a rater that names it; what goes wrong in loading is not taken for no expert."""
    context = RaterContext(factor_names=("reward_forward",), safe_limit=1.0, make_expert=dict[str, Any]().popitem)  # pyright: ignore[reportArgumentType]
    assert raters.build("safety", raters.cfg("safety"), context)
    with pytest.raises(KeyError, match="popitem"):
        raters.build("regret", raters.cfg("regret"), context)


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """A context for tests."""

    label: str = "x"


class Misspelt:
    """A part whose parameter is the misspelt field of a context."""

    def __init__(self, cfg: BoxCfg, *, labell: str = "") -> None:
        self.cfg, self.labell = cfg, labell


class Demanding:
    """A part that must be given something that no context has."""

    def __init__(self, cfg: BoxCfg, *, hammer: object) -> None:
        self.cfg, self.hammer = cfg, hammer


MisspeltCfg = DemandingCfg = BoxCfg


def test_constructors_get_the_fields_of_the_context_that_they_name(boxes: "Registry[Box]") -> None:
    assert boxes.build("box", BoxCfg(), Surroundings(label="of the context")).label == "of the context"
    with pytest.raises(UnknownNameError, match=r"'boxes:Misspelt' asks for 'labell': did you mean 'label'\?"):
        boxes.build("boxes:Misspelt", BoxCfg(), Surroundings())
    with pytest.raises(UnknownNameError, match="'boxes:Demanding' asks for 'hammer', which is not in the context"):
        boxes.build("boxes:Demanding", BoxCfg(), Surroundings())


def test_parts_are_named_by_module_without_an_entry_point(tmp_path: Path) -> None:
    """A module of the present folder is found; a class without a configuration has no settings."""
    (tmp_path / "my_parts.py").write_text(
        "class Crouch:\n    def __init__(self, *, seed=0):\n        self.seed = seed\n"
    )
    rater: Any = raters.build("my_parts:Crouch", raters.cfg("my_parts:Crouch"), RaterContext(seed=3))
    assert rater.seed == 3
    with pytest.raises(UnknownNameError, match=r"the module my_parts has no Crouhc: did you mean 'Crouch'\?"):
        raters.get("my_parts:Crouhc")


def test_names_of_papers_lead_to_parts() -> None:
    assert raters.registry.canonical("bradley-terry") == "partial-return"
    assert rewards.registry.canonical("spo") == "preference-model"
    with pytest.raises(UnknownNameError, match="agent 'spo' is a reward learner that goes with any agent"):
        agents.get("spo")
    with pytest.raises(UnknownNameError, match="rater 'b-pref' is six raters: oracle"):
        raters.cfg("b-pref")


def test_a_configuration_knows_the_name_of_its_part() -> None:
    assert raters.registry.name_of(raters.cfg("mistake", eps_mistake=0.25)) == "mistake"
    assert raters.registry.name_of(replace(raters.cfg("skip"), eps_mistake=0.25, eps_skip=0.5)) == "skip"
    assert raters.registry.name_of(raters.cfg("heron")) == "heron"
    assert agents.registry.name_of(agents.cfg("ppo", env="prefgym/Hopper-v0")) == "ppo"
    assert agents.registry.name_of(agents.cfg("cpl-kl")) == "cpl-kl"
    with pytest.raises(UnknownNameError, match="BoxCfg is the configuration of no sampler"):
        samplers.registry.name_of(BoxCfg())


def test_registries_import_no_part() -> None:
    """Listing names imports neither the parts nor torch."""
    code = (
        "import sys; from prefgym import agents, raters, rewards, samplers; raters.names(); samplers.names();"
        "print([name for name in sys.modules if name == 'torch' or name.startswith(('prefgym.raters.',"
        " 'prefgym.samplers.'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_what_is_not_installed_is_named() -> None:
    registry: Registry[object] = Registry("rater")
    registry.register("further", "nowhere.at_all:Foo")
    with pytest.raises(UnknownNameError, match="rater 'further' needs nowhere, which is not installed"):
        registry.cfg("further")
