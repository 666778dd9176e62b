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
    "agent": "rl.base rl.files",
    "agents.bases": "rl.base_policy rl.based_agent",
    "answer_log": "runs.answer_log",
    "budget": "training.budget",
    "buffers.rollout": "core.rollout",
    "checkpoints": "runs.checkpoints",
    "checks": "training.checks",
    "choice": "core.choice",
    "config": "training.config common.errors",
    "datasets": "data.tables data.minari",
    "demo_policies": "demos.policies",
    "demos": "demos.collect",
    "envs.wishes": "envs.language_tasks",
    "evaluate": "evaluation.evaluate evaluation.envs",
    "experts": "evaluation.experts",
    "feedback": "data.feedback",
    "files": "common.files common.errors",
    "guards": "wrappers.guards common.finite",
    "health": "rewards.health",
    "limits": "common.limits",
    "load": "training.load",
    "loop": "training.loop",
    "nash": "theory.games",
    "networks": "nn.mlp nn.stacked nn.normalisation nn.weights",
    "offline": "rl.offline",
    "online": "rl.online",
    "player": "rl.policy_runner",
    "preferences": "core.preferences",
    "progress": "training.progress",
    "protocols": "core.protocols",
    "queries": "core.queries",
    "questions": "training.annotate training.raters",
    "raters.divided": "raters.composite",
    "raters.prompt": "raters.immediate",
    "raters.standing": "raters.factor_comparison",
    "registry": "common.registry common.errors",
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
    "tensor_wrapper": "wrappers.tensor wrappers.guards",
    "training_env": "training.envs",
}
"""Where the names of a module of version 0.1 are today, all without the leading `prefgym.`."""


class MovedModules(MetaPathFinder, Loader):
    """Find a module under its former name, and warn that it has another one."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return how to load `prefgym.<former name>`; None for everything else."""
        former = fullname.removeprefix("prefgym.")
        return ModuleSpec(fullname, self) if former != fullname and former in MOVED else None

    def exec_module(self, module: ModuleType) -> None:
        """Fill the module with the names that it had, from where they are today."""
        names = [f"prefgym.{name}" for name in MOVED[module.__name__.removeprefix("prefgym.")].split()]
        warnings.warn(
            f"{module.__name__} is {' and '.join(names)} now; the old name goes with 0.3", FutureWarning, stacklevel=2
        )
        for name in names:
            today = vars(import_module(name))
            vars(module).update({key: value for key, value in today.items() if not key.startswith("__")})


def find_moved_modules() -> None:
    """Let imports find modules under their former names, after all others."""
    sys.meta_path.append(MovedModules())
