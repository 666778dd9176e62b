"""Shell completion: a script that knows commands, flags and names, so that no Python runs while it completes."""

from collections.abc import Iterator
from typing import Any

import gymnasium as gym

from prefgym.bench.reward import BenchRewardCfg
from prefgym.bench.sim import BenchSimCfg
from prefgym.cli.compare import CompareArgs
from prefgym.cli.curate import CurateArgs
from prefgym.cli.evaluate import EvaluateArgs
from prefgym.cli.feedback import ExportArgs, ValidateArgs
from prefgym.cli.feedback_show import ShowArgs
from prefgym.cli.listing import LISTS
from prefgym.cli.report import ReportArgs
from prefgym.cli.settings import settings_of
from prefgym.cli.stop import StopArgs
from prefgym.cli.train import ResumeArgs, ResumeOfflineArgs
from prefgym.common.errors import UnknownNameError, UserError
from prefgym.common.registry import KINDS, registry_of
from prefgym.data.importers.registry import IMPORTERS
from prefgym.demos.collect import DemosCfg
from prefgym.training.annotate import MakePreferencesCfg
from prefgym.training.config import OfflineCfg, TrainCfg

CONFIGURED: dict[str, tuple[type[Any], ...]] = {
    "train": (TrainCfg, ResumeArgs),
    "train-offline": (OfflineCfg, ResumeOfflineArgs),
    "make-preferences": (MakePreferencesCfg,),
    "stop": (StopArgs,),
    "evaluate": (EvaluateArgs,),
    "report": (ReportArgs,),
    "compare": (CompareArgs,),
    "curate": (CurateArgs,),
    "demos": (DemosCfg,),
    "feedback export": (ExportArgs,),
    "feedback validate": (ValidateArgs,),
    "feedback show": (ShowArgs,),
    "feedback import": tuple(importer.cfg for importer in IMPORTERS.values()),
    "bench sim": (BenchSimCfg,),
    "bench reward": (BenchRewardCfg,),
}
"""The configurations of the commands, whose flags are completed."""

MORE_FLAGS = {
    "train": ("--seeds", "--jobs", "--help-all"),
    "train-offline": ("--seeds", "--jobs", "--help-all"),
    "list agents": ("--matrix", "--json"),
    **{f"list {kind}": ("--json",) for kind in LISTS if kind != "agents"},
}

SCRIPT = """\
# Completion of prefgym, by `prefgym --completion @SHELL`; write it again after parts or environments were installed.
@PREPARE_prefgym_words() {
  case "$1" in
@CASES
  esac
}

_prefgym() {
  local cur="${COMP_WORDS[COMP_CWORD]}" prev="${COMP_WORDS[COMP_CWORD-1]}" key="${COMP_WORDS[1]}"
  local words kind name start i
  COMPREPLY=()
  if [ "$cur" = "=" ]; then cur=""; elif [ "$prev" = "=" ]; then prev="${COMP_WORDS[COMP_CWORD-2]}"; fi
  case "$cur" in --*=*) start="${cur%%=*}=" prev="${cur%%=*}" cur="${cur#*=}" ;; esac
  if [ "$COMP_CWORD" -eq 1 ]; then
    words="$(_prefgym_words commands)"
  else
    case "$key" in
      bench | feedback | list)
        if [ "$COMP_CWORD" -eq 2 ]; then words="$(_prefgym_words "$key")"; else key="$key ${COMP_WORDS[2]}"; fi ;;
    esac
    if [ -z "$words" ] && [ "$prev" = ":" ]; then words="$(_prefgym_words experts)"; fi
    if [ -z "$words" ]; then words="$(_prefgym_words "$key $prev")"; fi
    if [ -z "$words" ] && [ "${cur#-}" != "$cur" ]; then
      words="$(_prefgym_words "$key flags")"
      for kind in rater agent reward sampler; do
        name="$(_prefgym_words "$key $kind default")"
        for ((i = 2; i < COMP_CWORD; i++)); do
          if [ "${COMP_WORDS[i]}" = "--$kind" ]; then name="${COMP_WORDS[i+1]}"; fi
        done
        if [ -n "$(_prefgym_words "$key --$kind")" ]; then words="$words $(_prefgym_words "$kind $name flags")"; fi
      done
    fi
  fi
  if [ -n "$words" ]; then
    COMPREPLY=($(compgen -P "$start" -W "$words" -- "$cur"))
  else
    COMPREPLY=($(compgen -P "$start" -f -- "$cur"))
    type compopt > /dev/null 2>&1 && compopt -o filenames 2> /dev/null
  fi
}

complete -F _prefgym prefgym
"""


def completion(shell: str, commands: list[str]) -> str:
    """Write the script for a shell.

    Args:
        shell: `bash` or `zsh`.
        commands: Names of the commands.

    Raises:
        UserError: If it is another shell.
    """
    if shell not in ("bash", "zsh"):
        raise UserError(f"--completion {shell}: pass --completion bash or --completion zsh")
    prepare = "autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n\n"
    cases = "\n".join(f'    "{key}") echo "{" ".join(words)}" ;;' for key, words in words_of(commands) if words)
    script = SCRIPT.replace("@PREPARE", prepare if shell == "zsh" else "").replace("@SHELL", shell)
    return script.replace("@CASES", cases)


def words_of(commands: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield what may stand where: after a command, after a flag; and the flags of parts."""
    envs = sorted(gym.registry, key=lambda name: (not name.startswith("prefgym/"), name))
    yield "commands", [*commands, "--help", "--version", "--import", "--completion"]
    yield "experts", [env for env in envs if env.startswith("prefgym/")]
    for first in ("bench", "feedback"):
        yield first, [name.split()[1] for name in CONFIGURED if name.startswith(f"{first} ")]
    yield "feedback import import", [*IMPORTERS]  # after the word itself: the format
    yield "list", [*LISTS]
    for command, flags in MORE_FLAGS.items():
        if command not in CONFIGURED:
            yield f"{command} flags", [*flags]
    for command, cfgs in CONFIGURED.items():
        yield from _words_of_command(command, cfgs, envs)
    for kind in KINDS:
        for name in registry_of(kind).names():
            try:
                cfg = registry_of(kind).cfg(name)
            except UnknownNameError:  # it needs a package that is not installed
                continue
            yield f"{kind} {name} flags", [flag for setting in settings_of(cfg, f"{kind}.") for flag in setting.flags]


def _words_of_command(command: str, cfgs: tuple[type[Any], ...], envs: list[str]) -> Iterator[tuple[str, list[str]]]:
    settings = [setting for cfg in cfgs for setting in settings_of(cfg) if not setting.is_positional]
    switches = [setting.negated for setting in settings if isinstance(setting.default, bool)]
    flags = dict.fromkeys([*(flag for one in settings for flag in one.flags), *switches, *MORE_FLAGS.get(command, ())])
    yield f"{command} flags", [*flags, "--help"]
    for setting in settings:
        flag, kind = setting.flags[0], setting.flags[0].removeprefix("--")
        if kind == "env":
            yield f"{command} {flag}", envs
        elif kind in KINDS:
            yield f"{command} {flag}", [*registry_of(kind).names()]
            yield f"{command} {kind} default", [str(setting.default)]
        elif setting.choices:
            yield f"{command} {flag}", [*setting.choices]
