"""The narrow column: questions that wait, warnings, and the commands that come next."""

from prefgym.report.cautions import cautions
from prefgym.report.facts import View
from prefgym.report.markup import card, command_line, commands, escape, folded, note, settings, warnings
from prefgym.runs.settings import flat


def waiting(view: View) -> str:
    """Say how many questions have no answer yet."""
    labels = view.labels
    if labels is None:
        return ""
    pending = round(view.run.metrics.last("feedback/num_pending") or 0)
    rater = escape(str(view.run.fact("rater") or "rater"))
    if pending and view.state == "running":
        told = f"<p><b>{pending:,}</b> of {labels[0]:,} asked</p><p>The rater {rater} has not answered them yet.</p>"
    elif pending:
        told = f"<p><b>{pending:,}</b> of {labels[0]:,} asked</p><p>They were not answered.</p>"
    else:
        told = f"<p><b>0</b></p><p>All {labels[0]:,} that were asked have come back from the rater {rater}.</p>"
    return card("Questions waiting", f'<div class="waiting">{told}</div>')


def warned(view: View) -> str:
    """List each warning once, with where it holds."""
    found = cautions(view)
    return card("Warnings", warnings(found), about="each once" if found else "", name="warnings")


def next_steps(view: View) -> str:
    """Show the commands that stop a run, go on with it, or do more with it."""
    run = view.path
    if view.state == "running":
        told = {
            "Stop after this step, keep everything": ["prefgym", "stop", run],
            "Write this page again, with clips": ["prefgym", "report", run],
        }
        hint = "Ctrl-C does the same as stop. A stopped run goes on with prefgym train --resume."
        return card("Stop", commands(told, hint))
    verb = "train-offline" if "updates" in view.run.config else "train"
    if view.kept is not None:
        hint = f"It cannot be resumed, since these parts have no state_dict(): {', '.join(view.kept.stateless)}."
        export = {"Keep its answers": ["prefgym", "feedback", "export", run, "FOLDER"]}
        return card("Go on", commands(export if view.run.learns_from_labels else {}, hint))
    if view.state == "stopped":
        hint = "It comes to the same policy as without the stop."
        return card("Go on", commands({"Go on where it stopped": ["prefgym", verb, "--resume", run]}, hint))
    told = {"Measure it anew, in a film": ["prefgym", "evaluate", run, "--film"]}
    if verb == "train" and view.total is not None:
        more = ["--steps", f"{round(2 * view.total):_}"]
        if view.run.learns_from_labels and (budget := view.run.number("budget")):
            more += ["--budget", f"{round(1.5 * budget)}"]
        told["Give it more"] = ["prefgym", "train", "--resume", run, *more]
    if view.run.learns_from_labels and verb == "train":
        told["Same answers, another learner"] = ["prefgym", "train", "--rater", "replay", "--rater.run", run]
    return card("Go on", commands(told))


def command(view: View) -> str:
    """Show the command line of the run."""
    told = view.run.command
    return (
        card("The command of this run", command_line(told), '<p class="hint">One click selects it.</p>') if told else ""
    )


def configuration(view: View) -> str:
    """Show the resolved configuration."""
    named = flat(view.run.config).items()
    told = {name.replace("_cfg.", ".").replace("_", "-"): value for name, value in named if name != "command"}
    shown = (
        folded(f"{len(told)} settings", settings(told)) if told else note("No configuration: config.yaml is missing.")
    )
    return card("Configuration", shown, name="configuration", kind="wide")
