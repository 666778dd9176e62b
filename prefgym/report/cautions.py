"""What to know before believing a page: each warning once, with where it holds."""

from prefgym.report.facts import STEPS, View, latest_return, values_at
from prefgym.report.numbers import number
from prefgym.rewards.health import EARLY, fall, troubles


def cautions(view: View) -> dict[str, str]:
    """Return the warnings about a run: a few words, and a sentence."""
    return {**_early(view), **_of_sessions(view), **_fallen(view), **_unanswered(view)}


def _early(view: View) -> dict[str, str]:
    final = latest_return(view.run)
    if final is None or not final.early or not final.episodes or final.early <= final.episodes / 4:
        return {}
    which = "final episodes" if final.is_final else "episodes of the last evaluation"
    told = f"{final.early} of {final.episodes} {which} end before their time limit: the return is that until then."
    return {"Ends early": told}


def _fallen(view: View) -> dict[str, str]:
    """Warn where the true return fell by more than a third from its best."""
    true, learned = view.run.metrics.curve("eval/mean_reward"), view.run.metrics.curve("rollout/ep_rew_mean")
    late = true.x >= EARLY * (view.total or 0.0)
    x, y = true.x[late], true.y[late]
    paid = values_at(learned, x).tolist() if len(learned) and view.run.learns_from_labels else None
    found = fall(y.tolist(), paid)
    if found is None:
        return {}
    place = f"from {number(found.best)} after {x[found.best_at]:,.0f} {view.unit} to {number(found.low)} after"
    told = f"The {view.run.metric} fell by more than a third from its best: {place} {x[found.low_at]:,.0f}"
    if found.rose is None:
        return {"Falls back": f"{told}. Where a run stops is partly luck."}
    rose = f"while the learned return rose from {number(found.rose[0])} to {number(found.rose[1])}"
    return {"May be exploited": f"{told}, {rose}: the reward may say too much for what the policy does."}


def _of_sessions(view: View) -> dict[str, str]:
    """Collect the warnings about the reward after each session: the latest sentence, and where the others were."""
    found: dict[str, tuple[str, list[str]]] = {}
    for row in view.run.metrics.rows:
        for kind, sentence in troubles(row).items():
            places = found.setdefault(kind, ("", []))[1]
            found[kind] = (sentence, [*places, f"{row[STEPS]:,.0f}" if STEPS in row else "?"])
    return {
        kind: f"After {places[-1]} {view.unit}, {sentence}."
        + (f" Also after {_some(places[:-1])}." if len(places) > 1 else "")
        for kind, (sentence, places) in found.items()
    }


def _some(places: list[str], most: int = 4) -> str:
    return ", ".join(places) if len(places) <= most else f"{', '.join(places[:most])} and {len(places) - most} more"


def _unanswered(view: View) -> dict[str, str]:
    labels = view.labels
    if labels is None or not labels[0] or labels[1]:
        return {}
    return {
        "No answers": f"{labels[0]:,} questions were asked and none was answered: the reward was fitted to nothing."
    }
