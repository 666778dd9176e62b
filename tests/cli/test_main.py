"""The command line: what goes in, what comes out, and one sentence for what is wrong."""

import hashlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from commands import TINY, run

from prefgym import raters
from prefgym.cli.flags import parse_train
from prefgym.common.files import read_sealed_text, write_sealed_text
from prefgym.data.tables import load_preferences
from prefgym.evaluation.experts import FOLDER
from prefgym.runs.checkpoints import Checkpoints

RESIDUAL = ("--agent", "residual", "--agent.base", "zero")


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--env", "prefgym/HalfCheeta-v0"], "did you mean 'prefgym/HalfCheetah-v0'?"),
        (["--rater", "orakle"], "did you mean 'oracle'?"),
        (["--agent", "pppo"], "did you mean 'ppo'?"),
        (["--sampler", "uniforn"], "did you mean 'uniform'?"),
        (["--reward", "ensembel"], "did you mean 'ensemble'?"),
        (["--budget", "0"], "--budget 0: it must be 1 or more; pass --budget 500"),
        (["--steps", "-5"], "--steps -5: it must be 1 or more; pass --steps 1000000"),
        (["--threads", "0"], "--threads 0: it must be between 1 and 4096"),
        (["--threads", "4097"], "--threads 4097: it must be between 1 and 4096"),
        (["--seed", "-1"], "--seed -1: it must be between 0 and 4294967295; pass --seed 0"),
        (["--seed", "4294967296"], "--seed 4294967296: it must be between 0 and 4294967295"),
        (["--segment-length", "0"], "--segment-length 0: it must be between 1 and 1000000; pass --segment-length 50"),
        (["--agent.num-envs", "0"], "--agent.num-envs 0: it must be between 1 and 131072; pass --agent.num-envs 64"),
        (["--eval.every", "0"], "--eval.every 0: it must be 1 or more; pass --eval.every 100000"),
        (
            ["--reward.fit.learning-rate", "nan"],
            "--reward.fit.learning-rate nan: it must be above 0; pass",
        ),
        (["--schedule.first", "0.8"], "the first session cannot be held after 0.8"),
        (["--env", "prefgym/Reacher-v0", "--segment-length", "51"], "it ends after 50; pass --segment-length 50"),
        (["--rater", "crouchy:Crouch"], "neither installed nor in this folder: there is no crouchy.py here"),
        (["--rater", ":"], "rater ':' does not have the form module:Name"),
        (["--reward", ""], "unknown reward '': choose among"),
        (["--agent", "sb3-ppo", "--agent.algorithm", "../../x"], "../../x"),
        (["--agent.num-envs", "2147483648"], "it must be between 1 and 131072; pass --agent.num-envs 64"),
        (["--agent.num-steps", "2147483648"], "a rollout would take "),
        (["--sampler.num-options", "1" + "0" * 29], "it must be between 1 and 1000"),
        (["--sampler.num-options", "1"], "--sampler.num-options 1: the rater gives comparison, about 2 or more"),
        (["--rater.gives", "thumbs", "--sampler.num-options", "2"], "about one segment; pass --sampler.num-options 1"),
        (["--rater.gives", "thumbs", "--reward", "win-rate"], "'win-rate' fits comparison: pass --rater.gives comp"),
        (["--rater", "mistake", "--rater.gives", "rating"], "eps_mistake 0.1 is of comparison, and this rater gives r"),
        (["--rater.gives", "smile"], "--rater.gives smile: there is no such choice; pass --rater.gives comparison or"),
        (["--budget", "1e15"], "the queries of a session would take "),
        (["--budget", "1e16"], "--budget 1e16: it must be at most 1,000,000,000,000,000; pass --budget 500"),
        (["--reward.hidden", "65536", "65536"], "the networks of the members would take "),
        (["--agent.hidden", *["65536"] * 20], "the layers of a network would take "),
        (["--env", "CartPole-v1"], "needs a one-dimensional Box action space"),
        (["--rater", "mistake", "--rater.eps-mistake", "1.5"], "1.5"),
        (["--budget", "many"], "--budget many: it is no whole number; pass --budget 500"),
        (["--steps", "1.5"], "--steps 1.5: it is no whole number; pass --steps 1000000"),
        (["--steps", "1e999999999"], "--steps 1e999999999: it is too large"),
        (["--steps", "9" * 400], "...: it is too large"),
        (["--steps"], "--steps needs a value, such as --steps 1000000"),
        (["--env"], "--env needs a value, such as --env prefgym/HalfCheetah-v0"),
        (["--rater", "--steps", "5"], "--rater needs a value, such as --rater oracle"),
        (["--threads", "zz"], "--threads zz: it must be {None}|INT"),
        (["--reward.hidden", "8", "a"], "--reward.hidden 8 a: it must be [INT [INT ...]]; pass --reward.hidden 64 64"),
        (["--backend", "gpu"], "--backend gpu: there is no such choice; pass --backend cpu or --backend warp"),
        (["--stepz", "3"], "unknown flag --stepz: did you mean --steps 3?"),
        (["--agent.num_env=3"], "unknown flag --agent.num_env: did you mean --agent.num-envs 3?"),
        (["--no-reprt"], "unknown flag --no-reprt: did you mean --no-report?"),
        (["--xyzzy"], "unknown flag --xyzzy: prefgym train --help-all lists all flags"),
        (["somewhere"], "'somewhere' belongs to no flag: prefgym train --help lists them"),
        (["--seed", "\udcff"], "is no text in UTF-8"),
        (["--rater", "a\0b"], "is no text in UTF-8"),
        (["--device", "abacus"], "abacus"),
        (["--device", "meta"], "--device meta cannot be used here ("),
        (["--env", "nothing-like-it"], "unknown environment 'nothing-like-it': prefgym list envs shows ours"),
        (["--rater", "safety", "--rater.limit", "nan"], "--rater.limit nan: it must be a number"),
        (["--rater", "heron", "--rater.ranking", "forward,jump"], "no factor 'jump': the task has forward, ctrl"),
        (["--rater", "heron", "--rater.ranking", "forward,forward"], "forward,forward names a factor twice"),
        (["--rater", "heron", "--rater.tolerances", "-1"], "--rater.tolerances -1: it must be 0 or more"),
        (["--rater", "regret", "--env", "Pendulum-v1"], "there is no expert for this environment"),
        (["--rater", "regret", "--env", "prefgym/HumanoidKneel-v0"], "the task reward, and this environment has none"),
        (["--rater", "regret", "--rater.expert-file", "nowhere"], "nowhere.json is missing.\n"),
        (["--rater", "regret", "--rater.values", "simulation", "--recorder.no-state"], "needs recorded physics states"),
        (["--rater", "hindsight", "--recorder.no-state"], "needs recorded physics states"),
        (
            ["--rater", "hindsight", "--env", "Pendulum-v1"],
            "needs recorded physics states of prefgym's own environments",
        ),
        (["--rater", "safety", "--env", "prefgym/Reacher-v0"], "there is no factor 'forward'"),
        (["--rater", "safety", "--rater.factor", "ctrl"], "the task has no safe limit of"),
        (["--rater", "safety", "--env", "prefgym/HalfCheetahBackflip-v0"], "there is no factor 'forward'"),
        (["--agent", "residual"], "it needs a base policy: pass --agent.base RUN"),
        (["--agent", "residual", "--agent.base", "nowhere"], "nowhere is not a run folder"),
        ([*RESIDUAL, "--agent.demos", "no/such-v0"], "there is no dataset no/such-v0"),
        ([*RESIDUAL, "--agent.num-target-critics", "6"], "num_target_critics is 6, and there are 5 critics"),
        ([*RESIDUAL, "--agent.demos", "no/such-v0", "--reward", "win-rate"], "cannot reward demonstrations"),
    ],
)
def test_bad_input_ends_in_one_sentence(
    flags: list[str], sentence: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Exit code 2, no traceback, no run folder left behind."""
    code, _, error = run(capsys, "train", "--out", str(tmp_path / "run"), *flags)
    assert code == 2
    assert sentence in error
    assert "Traceback" not in error
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("env_id", ["prefgym/HumanoidKneel-v0", "Pendulum-v1"])
def test_reward_learning_is_measured_on_tasks_with_a_reward(env_id: str, capsys: pytest.CaptureFixture[str]) -> None:
    """That are simulated here; others are refused in one sentence."""
    code, _, error = run(capsys, "bench", "reward", "--env", env_id)
    assert (code, f"{env_id} cannot be measured" in error) == (2, True)


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (("bench", "sim", "--tasks", "HalfCheeta"), "did you mean 'prefgym/HalfCheetah-v0'?"),
        (("bench", "sim", "--tasks"), "there are no tasks to measure"),
        (("bench", "reward", "--env", "prefgym/Hoper-v0"), "did you mean 'prefgym/Hopper-v0'?"),
        (("--import", "", "list", "envs"), "--import '': that is no name of a module."),
        (("--import", ".foo", "list", "envs"), "--import '.foo': that is no name of a module."),
        (("--import", "no_such", "list", "envs"), "--import no_such: No module named 'no_such'."),
    ],
)
def test_other_commands_say_it_in_one_sentence_as_well(
    flags: tuple[str, ...], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, error = run(capsys, *flags)
    assert (code, "Traceback" in error) == (2, False)
    assert sentence in error


@pytest.mark.parametrize("command", ["list", "bench", "feedback"])
def test_commands_with_commands_of_their_own_name_them(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, output, _ = run(capsys, command, "--help")
    assert code == 0
    assert output.startswith(f"  prefgym {command} ")


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("metrics.jsonl", b"{\n{}\n", "metrics.jsonl, line 1, is not valid JSON."),
        ("metrics.jsonl", b"\xff\xfe\n{}\n", "metrics.jsonl, line 1, is not valid JSON."),
        ("preferences/preferences.safetensors", b"", "preferences.safetensors is damaged: it cannot be read: "),
        ("preferences/preferences.json", b"{", "preferences.json is damaged: it cannot be read."),
        ("preferences/preferences.json", b"{}", "preferences.json is damaged: it must have either parts or raters."),
        (
            "report/held_out.json",
            b'{"probability": "many", "choice": []}',
            "held_out.json is damaged: probability: input should be a valid list",
        ),
    ],
)
def test_the_report_of_a_run_that_has_not_finished_names_what_is_broken(
    name: str, content: bytes, complaint: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, finished_run: Path
) -> None:
    shutil.copytree(finished_run, tmp_path / "run")
    (tmp_path / "run" / "manifest.json").unlink()
    (tmp_path / "run" / name).write_bytes(content)
    code, _, error = run(capsys, "report", str(tmp_path / "run"))
    assert code == 2
    assert error.splitlines()[-1].startswith("prefgym: ")  # before it, that the run has not finished
    assert complaint in error


def test_an_expert_for_another_task_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """By its card, before a run folder is made."""
    file = FOLDER / "Hopper-v0-expert.json"
    flags = ("--rater", "regret", "--rater.expert-file", str(file), "--out", str(tmp_path / "run"))
    code, _, error = run(capsys, "train", "--env", "prefgym/Walker2d-v0", *flags)
    assert (code, "is an expert for prefgym/Hopper-v0, not for prefgym/Walker2d-v0" in error) == (2, True)
    assert not (tmp_path / "run").exists()


def test_an_existing_run_folder_is_left_alone(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Nothing in it changes."""
    (tmp_path / "note").write_text("mine")
    code, _, error = run(capsys, "train", *TINY, "--out", str(tmp_path))
    assert code == 2
    assert "exists" in error
    assert [path.name for path in tmp_path.iterdir()] == ["note"]


def test_an_evaluation_has_an_episode(capsys: pytest.CaptureFixture[str]) -> None:
    """None at all is refused before the run is looked for."""
    code, _, error = run(capsys, "evaluate", "nowhere", "--episodes", "0")
    assert code == 2
    assert "--episodes 0: it must be between 1 and 131072; pass --episodes 20" in error


def test_what_cannot_be_resumed_says_why(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, finished_run: Path
) -> None:
    """A run that has finished; one whose configuration would be another today; one that nobody typed; none at all."""
    run_path, resume = tmp_path / "run", ["train", "--resume", str(tmp_path / "run")]
    assert "is not a run folder" in run(capsys, *resume)[2]
    shutil.copytree(finished_run, run_path)
    more = f"prefgym train --resume {run_path} --steps N gives it N more steps"
    assert run(capsys, *resume)[::2] == (2, f"prefgym: {run_path} has finished: {more}.\n")
    shutil.rmtree(run_path / "checkpoints" / "step-000000000600")
    for name, text in (("result.json", "{"), ("config.yaml", "[")):
        whole = (run_path / name).read_text()
        (run_path / name).write_text(text)
        code, _, error = run(capsys, *resume)
        assert (code, f"{name} is damaged" in error) == (2, True)
        (run_path / name).write_text(whole)
    (run_path / "manifest.json").unlink()
    code, _, error = run(capsys, *resume, "--resume-from", "previous")
    assert (code, "has no previous checkpoint" in error) == (2, True)
    config = yaml.safe_load(read_sealed_text(run_path / "config.yaml"))
    for changes, sentence in (
        ({"stepz": 1}, "cannot be resumed: its configuration is not one of this version"),
        ({"rater": "orakel"}, "cannot be resumed: unknown rater 'orakel': did you mean 'oracle'?"),
        ({"rater": "unheard_of:Rater"}, "asks for the module unheard_of; if you trust it, run prefgym --import"),
    ):
        write_sealed_text(run_path / "config.yaml", yaml.safe_dump({**config, **changes}))
        code, _, error = run(capsys, *resume)
        assert (code, sentence in error) == (2, True)


def test_a_resumed_run_says_which_flags_it_takes(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, error = run(capsys, "train", "--resume", "run", "--env", "prefgym/Hopper-v0")
    sentence = "unknown flag --env: prefgym train takes --resume, --resume-from, --steps, --budget here"
    assert (code, error) == (2, f"prefgym: {sentence}\n")


def test_a_run_without_a_checkpoint_begins_again(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, finished_run: Path
) -> None:
    """Its metrics are those of one run, not of two."""
    run_path = Path(shutil.copytree(finished_run, tmp_path / "run"))
    (run_path / "manifest.json").unlink()  # as if it had been stopped
    shutil.rmtree(run_path / "checkpoints")
    before = (run_path / "metrics.jsonl").read_text().splitlines()
    assert run(capsys, "train", "--resume", str(run_path))[0] == 0
    assert len((run_path / "metrics.jsonl").read_text().splitlines()) == len(before)
    assert (run_path / "manifest.json").is_file()


def test_a_full_disk_is_told_and_costs_nothing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, finished_run: Path
) -> None:
    """After the first checkpoint no file may grow beyond 1 KiB; with room again, the run goes on to the same end."""
    flags = [*TINY, "--no-report"]
    limits, save = resource.getrlimit(resource.RLIMIT_FSIZE), Checkpoints.save

    def fill_disk(self: Checkpoints, *arguments: Any) -> None:  # noqa: ANN401
        save(self, *arguments)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1024, limits[1]))

    monkeypatch.setattr(Checkpoints, "save", fill_disk)
    try:
        code, _, error = run(capsys, "train", *flags, "--out", str(tmp_path / "run"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert code == 2
    assert f"{tmp_path / 'run' / 'metrics.jsonl'} cannot be written: [Errno 27] File too large: what was" in error
    assert error.endswith(f"could not be kept; go on with: prefgym train --resume {tmp_path}/run.\n")
    monkeypatch.setattr(Checkpoints, "save", save)
    assert run(capsys, "train", "--resume", str(tmp_path / "run"))[0] == 0
    resumed, whole = (x / "checkpoints" / "final" / "policy.safetensors" for x in (tmp_path / "run", finished_run))
    assert resumed.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize("argv", [["trian"], ["list"], ["list", "cars"], ["bench", "nothing"]])
def test_unknown_commands_are_told_apart(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """One sentence and exit code 2."""
    code, _, error = run(capsys, *argv)
    assert code == 2
    assert error.startswith("prefgym: ")


@pytest.mark.parametrize("command", ["evaluate", "report"])
def test_what_is_no_run_is_named(command: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A folder without a configuration is no run."""
    code, _, error = run(capsys, command, str(tmp_path))
    assert code == 2
    assert "is not a run folder" in error


def test_lists_name_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    """Eleven tasks, two with another solver, seven without a reward, four Fetch tasks, two grids; and the raters."""

    def listed(kind: str) -> list[str]:
        return [entry["name"] for entry in json.loads(run(capsys, "list", kind, "--json")[1])]

    assert len(listed("envs")) == 26
    assert {"oracle", "partial-return", "none"} <= set(listed("raters"))
    assert listed("agents") == sorted(
        [
            "ppo",
            "sac",
            "pebble",
            "sb3",
            "sb3-ppo",
            "sb3-sac",
            "sb3-td3",
            "bc",
            "sft",
            "cpl",
            "cpl-kl",
            "p-iql",
            "ipl",
            "residual",
        ]
    )


def test_flags_of_the_chosen_parts_are_known() -> None:
    """A part's own flags appear under its kind; `--segment-length` is the sampler's."""
    cfg = parse_train(["--rater", "mistake", "--rater.eps-mistake", "0.3", "--segment-length", "20"])
    assert cfg.rater_cfg == raters.cfg("mistake", eps_mistake=0.3)
    assert cfg.sampling.segment_length == 20


def test_a_run_leaves_a_folder_that_can_be_used(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Training, then evaluation and report from the folder alone."""
    out = tmp_path / "run"
    code, said, _ = run(capsys, "train", *TINY, "--out", str(out))
    assert code == 0
    assert "report.html" in said
    result = json.loads((out / "result.json").read_text())
    assert (result["num_asked"], result["num_answered"], result["steps"]) == (10, 10, 600)
    config = yaml.safe_load((out / "config.yaml").read_text())
    assert (config["env"], config["budget"]) == ("prefgym/InvertedPendulum-v0", 10)
    manifest = json.loads((out / "manifest.json").read_text())
    assert {"config.yaml", "metrics.jsonl", "result.json"} <= set(manifest["sha256"])
    assert config["command"][:2] == ["prefgym", "train"]
    preferences = load_preferences(out / "preferences" / "preferences")
    assert len(preferences) == 10
    assert preferences.queries.options.state is not None
    code, said, _ = run(capsys, "evaluate", str(out), "--episodes", "2")
    assert code == 0
    mean, deviation = result["final_return_mean"], result["final_return_std"]
    assert f"true return {mean:.1f} ± {deviation:.1f}, {result['num_early']} of 2 end early" in said
    (out / "report.html").unlink()
    code, said, _ = run(capsys, "report", str(out))
    assert code == 0
    assert (out / "report.html").is_file()
    for name, checksum in json.loads((out / "manifest.json").read_text())["sha256"].items():
        assert hashlib.sha256((out / name).read_bytes()).hexdigest() == checksum, name


def test_ctrl_c_saves_what_was_learned(tmp_path: Path) -> None:
    """The run ends with 130 after its first evaluation, and the policy it had is there."""
    out = tmp_path / "run"
    flags = [*TINY, "--steps", "100_000_000", "--out", str(out)]
    # a shell that runs the tests in the background makes its children ignore Ctrl-C
    script = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); import prefgym.__main__"
    command = [sys.executable, "-c", script, "train", *flags]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}) as run:
        assert run.stderr is not None
        next(line for line in run.stderr if "true return" in line)
        run.send_signal(signal.SIGINT)
        _, error = run.communicate()
    assert run.returncode == 130
    assert "Traceback" not in error
    assert f"stopped by Ctrl-C: what was learned is kept in {out}; go on with: prefgym train --resume {out}\n" in error
    assert (out / "checkpoints" / "final" / "policy.safetensors").is_file()
    assert json.loads((out / "result.json").read_text())["steps"] >= 300


def test_a_run_imports_nothing_that_nobody_asked_for(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A configuration that was sent by somebody names a module which, when imported, leaves a file behind."""
    (tmp_path / "sent_along.py").write_text("open('it_ran', 'w').close()\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    for line in ("env: sent_along:Env-v0\n", "env: a\nagent_cfg:\n  algorithm: sent_along:PPO\n"):
        out = tmp_path / "run"
        out.mkdir(exist_ok=True)
        write_sealed_text(out / "config.yaml", line)
        for command in (("evaluate", str(out)), ("report", str(out)), ("train", "--resume", str(out))):
            code, _, error = run(capsys, *command)
            assert code == 2
            assert "asks for the module sent_along; if you trust it, run prefgym --import sent_along" in error
        assert not Path("it_ran").exists()
    assert run(capsys, "--import", "nowhere_at_all", "list", "envs")[0] == 2
    assert run(capsys, "--import", "sent_along", "list", "envs")[0] == 0
    assert Path("it_ran").exists()
