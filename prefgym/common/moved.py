"""Modules of version 0.1 under the names they had, so that parts of other packages keep working for one release."""

import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

MOVED = {
    "actor": "nn.actor",
    "agent": "rl.base",
    "agents.bases": "rl.base_policy",
    "answer_log": "runs.answer_log",
    "budget": "training.budget",
    "buffers.rollout": "core.rollout",
    "checkpoints": "runs.checkpoints",
    "checks": "training.checks",
    "choice": "core.choice",
    "config": "training.config",
    "demo_policies": "demos.policies",
    "demos": "demos.collect",
    "envs.wishes": "envs.language_tasks",
    "evaluate": "evaluation.evaluate",
    "experts": "evaluation.experts",
    "feedback": "data.feedback",
    "files": "common.files",
    "guards": "wrappers.guards",
    "health": "rewards.health",
    "limits": "common.limits",
    "load": "training.load",
    "loop": "training.loop",
    "nash": "theory.games",
    "offline": "rl.offline",
    "online": "rl.online",
    "player": "rl.policy_runner",
    "preferences": "core.preferences",
    "progress": "training.progress",
    "protocols": "core.protocols",
    "queries": "core.queries",
    "questions": "training.annotate",
    "raters.divided": "raters.composite",
    "raters.prompt": "raters.immediate",
    "raters.standing": "raters.factor_comparison",
    "registry": "common.registry",
    "replaying": "rl.off_policy",
    "report.clips": "video.clips",
    "revision": "common.revision",
    "rewards.diagnostics": "core.fit_report",
    "rewards.linear": "theory.linear_rewards",
    "rewards.pay": "core.relabel",
    "scores": "core.scores",
    "segments": "core.segments",
    "sim.foreign": "sim.third_party",
    "spaces": "common.spaces",
    "states": "common.states",
    "tabular": "theory.mdp",
    "tensor_wrapper": "wrappers.tensor",
    "training_env": "training.envs",
}
"""Present names of the modules of version 0.1, both without the leading `prefgym.`."""


class MovedModules(MetaPathFinder, Loader):
    """Find a module under its former name, and warn that it has another one."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of `prefgym.<former name>`; None for every other module."""
        former = fullname.removeprefix("prefgym.")
        return ModuleSpec(fullname, self) if former != fullname and former in MOVED else None

    def exec_module(self, module: ModuleType) -> None:
        """Fill the module with its present names."""
        name = f"prefgym.{MOVED[module.__name__.removeprefix('prefgym.')]}"
        warnings.warn(f"{module.__name__} is {name} now; the old name goes with 0.3", FutureWarning, stacklevel=2)
        today = import_module(name)
        vars(module).update({key: value for key, value in vars(today).items() if not key.startswith("__")})


def find_moved_modules() -> None:
    """Make modules importable under their former names, after all others."""
    sys.meta_path.append(MovedModules())
