"""The sections of a report, in reading order. Each is a fragment of HTML; a section without data is empty."""

from collections.abc import Mapping

from prefgym.core.preferences import Preferences, Status
from prefgym.report import charts
from prefgym.report.data import Curve, Episode, RunData
from prefgym.report.footage import Footage
from prefgym.report.markup import escape, note, video
from prefgym.report.numbers import duration, number, percent
from prefgym.report.statistics import LabelCounts, correlation, rank_correlation, reliability, true_returns
from prefgym.rewards.health import troubles
from prefgym.video.clips import FINAL_SECONDS, Clip

MIN_HELD_OUT = 20
"""Fewest held-out preferences of a reliability diagram."""


def headline(run: RunData, counts: LabelCounts | None) -> str:
    """Name the agent, its environment, and the source of its reward."""
    env, agent, rater = (str(run.fact(name) or "") for name in ("env", "agent", "rater"))
    used = _labels(run, counts)
    reward = "the task reward itself"
    if run.learns_from_labels:
        answers = f"<b>{used[1]:,}</b> answers of " if used else ""
        reward = f"a reward learned from {answers}the rater <b>{escape(rater)}</b>"
    seed = run.number("seed")
    about = [f"run {run.name}", f"seed {seed:.0f}" if seed is not None else ""]
    about.append(f"prefgym {run.fact('version')}" if run.fact("version") else "")
    eyebrow = " · ".join(escape(part) for part in about if part)
    lead = f'<p class="lead"><b>{escape(agent)}</b>, trained on {reward}</p>' if agent and rater else ""
    if task_description := run.fact("task_description"):
        lead = f'<p class="lead">Wanted: <b>{escape(str(task_description))}</b></p>\n{lead}'
    return f'<p class="eyebrow">{eyebrow}</p>\n<h1>{escape(env or run.name)}</h1>\n{lead}'


def cards(run: RunData, counts: LabelCounts | None) -> str:
    """Show the main results as cards."""
    shown = [_return_card(run), _labels_card(run, counts), _time_card(run), _model_card(run)]
    there = [one for one in shown if one]
    return f'<dl class="cards">{"".join(there)}</dl>' if there else ""


def command(run: RunData) -> str:
    """Show the command line of the run."""
    return f'<pre class="command"><code>{escape(run.command)}</code></pre>' if run.command else ""


def learning(run: RunData) -> str:
    """Show the learning curve with the sessions marked."""
    true, std = run.metrics.curve("eval/mean_reward"), run.metrics.curve("eval/std_reward")
    if not len(true):
        return section("Learning", note("No learning curve: this run has not been evaluated."), name="learning")
    sessions, learned = run.metrics.session_starts(), run.metrics.curve("rollout/ep_rew_mean")
    what = "Learned return" if run.learns_from_labels else "Task return"
    svgs = [
        f'<div class="{kind}">'
        + charts.learning_curve(
            size,
            true=true,
            std=std,
            final=_final(run),
            sessions=sessions,
            learned=learned,
            reward_name=f"{what} (what of the agent's reward)",
            true_name=_capital(run.metric),
        )
        + "</div>"
        for kind, size in (("wide", charts.WIDE), ("narrow", charts.NARROW))
    ]
    subject = _capital(run.metric) if run.is_counted else "The true return"
    caption = f"{subject} should rise and stay up; the band is one standard deviation between episodes"
    if len(sessions):
        caption += f", dashed lines are the {len(sessions)} sessions in which the rater was asked"
    if len(learned) and run.learns_from_labels:
        caption += ". A learned return that rises while the true one falls means the reward model is being exploited"
    return section("Learning", figure("".join(svgs), "", caption + "."), name="learning")


def reward_model(run: RunData) -> str:
    """Show how well the learned reward predicts answers, and how it relates to the true reward."""
    if not run.learns_from_labels:
        return ""
    parts = [_accuracy(run), _reliability(run), _scatter(run)]
    return section("Reward model", _troubles(run), grid(*parts, kind="thirds"), name="reward-model")


def labels(run: RunData, preferences: Preferences | None, counts: LabelCounts | None, footage: Footage) -> str:
    """Show the answers of the rater, in numbers and beside clips of the queries."""
    if not run.learns_from_labels or preferences is None or counts is None or not counts.asked:
        return ""
    kinds = {
        "first option": "k-first",
        "other option": "k-other",
        "tie": "k-tie",
        "skipped": "k-skip",
        "failed": "k-fail",
        "invalid": "k-invalid",
    }
    values = (counts.first, counts.later, counts.ties, counts.skipped, counts.failed, counts.invalid)
    facts: list[str] = []
    if counts.first + counts.later:
        share = counts.first / (counts.first + counts.later)
        facts.append(f"{percent(share)} of the choices fell on the option shown first (no bias: {percent(0.5)}).")
    if counts.comparable:
        agreeing = percent(counts.agreeing / counts.comparable)
        facts.append(f"{agreeing} of the choices agree with the true return of the two clips.")
    numbers = (
        f'<div class="panel">{bar(dict(zip(kinds, values, strict=True)), kinds)}<p>{escape(" ".join(facts))}</p></div>'
    )
    reason = footage.missing or "these queries were recorded without physics states"
    clips = [_query(preferences, index, clip) for index, clip in footage.queries]
    shown = grid(*clips, kind="clips") if clips else note(f"No clips: {_stop(reason)}")
    return section("What the rater answered", numbers, shown, name="labels")


def final_policy(run: RunData, footage: Footage, fps: float) -> str:
    """Show the final policy's video, and its rewards along the episode."""
    episode = run.final_episode
    rewards = ""
    if episode is not None and (episode.reward is not None or episode.learned is not None):
        seconds = min(FINAL_SECONDS, _num_steps(episode) / fps or FINAL_SECONDS)
        true = f"{_capital(run.metric)}, by the step" if run.is_counted else "True reward"
        other = "what is counted" if run.is_counted else "the true one"
        caption = f"The first {seconds:.0f} s: the learned reward should rise and fall with {other}."
        chart = charts.episode_rewards(episode, fps, FINAL_SECONDS, true)
        rewards = figure(chart, "Rewards along the episode", caption)
    if footage.final is None:
        reason = footage.missing or "this run recorded no episode of the final policy"
        return section("Final policy", note(f"No video: {_stop(reason)}"), grid(rewards), name="final-policy")
    total = "" if episode is None or episode.reward is None else f", {run.metric} {number(float(episode.reward.sum()))}"
    clip = footage.final
    part = "The start of one" if clip.seconds * fps * clip.speed < _num_steps(episode) - fps / 10 else "One"
    caption = f"{part} evaluation episode without exploration{total}{_speed(clip.speed)}."
    film = figure(video(clip, "the final policy"), "Video", caption)
    return section("Final policy", grid(film, rewards), name="final-policy")


def configuration(run: RunData) -> str:
    """Show the resolved configuration."""
    if not run.config_text:
        return section("Configuration", note("No configuration: config.yaml is missing."), name="configuration")
    return section(
        "Configuration", f'<pre class="panel"><code>{escape(run.config_text)}</code></pre>', name="configuration"
    )


def _final(run: RunData) -> tuple[float, float, float] | None:
    mean, std, steps = (run.number(name) for name in ("final_return_mean", "final_return_std", "steps"))
    return None if mean is None or steps is None else (steps, mean, std or 0.0)


def _num_steps(episode: Episode | None) -> int:
    return 0 if episode is None or episode.state is None else len(episode.state) - 1


def _return_card(run: RunData) -> str:
    mean, std = run.number("final_return_mean"), run.number("final_return_std")
    if mean is None:
        mean, std = run.metrics.last("eval/mean_reward"), run.metrics.last("eval/std_reward")
        about = "last evaluation; the run has no final one"
    else:
        episodes, steps = len(run.fact("returns") or ()), run.number("steps")
        about = f"mean ± std of {episodes} episodes" if episodes else "mean ± std"
        about += f" after {steps:,.0f} steps" if steps is not None else ""
    if mean is None:
        return ""
    return card(f"Final {run.metric}", number(mean), f"± {number(std)}" if std is not None else "", about)


def _labels(run: RunData, counts: LabelCounts | None) -> tuple[int, int] | None:
    asked, answered = run.number("num_asked"), run.number("num_answered")
    asked = run.metrics.last("feedback/num_asked") if asked is None else asked
    answered = run.metrics.last("feedback/num_answers") if answered is None else answered
    if asked is not None and answered is not None:
        return round(asked), round(answered)
    return (counts.asked, counts.answered) if counts else None


def _labels_card(run: RunData, counts: LabelCounts | None) -> str:
    if not run.learns_from_labels:
        return card("Labels", "none", "", "trained on the task reward: the reference arm")
    used = _labels(run, counts)
    if used is None:
        return ""
    sessions, budget = len(run.metrics.session_starts()), run.number("budget")
    about = f"answered, of a budget of {budget:,.0f}" if budget is not None else "answered"
    about += f", in {sessions} sessions" if sessions > 1 else ""
    return card("Labels used", f"{used[1]:,}", f"of {used[0]:,} asked", about)


def _time_card(run: RunData) -> str:
    seconds, steps = run.number("wall_time_s"), run.number("steps")
    seconds = run.metrics.last("time/time_elapsed") if seconds is None else seconds
    if seconds is None:
        return ""
    speed = f"{steps / seconds:,.0f} steps a second, labels and fits included" if steps and seconds > 0 else "wall time"
    return card("Time", duration(seconds), "", speed)


def _model_card(run: RunData) -> str:
    value = run.metrics.last("reward_model/accuracy")
    if not run.learns_from_labels or value is None:
        return ""
    return card("Reward model", percent(value), "accuracy", "on held-out answers, after the last session")


def _troubles(run: RunData) -> str:
    """List the warnings about the reward model after each session; empty without any."""
    warnings = [
        note(f"After {row['time/total_timesteps']:,.0f} steps {sentence}.")
        for row in run.metrics.rows
        if "time/total_timesteps" in row
        for sentence in troubles(row)
    ]
    return "".join(warnings)


def _accuracy(run: RunData) -> str:
    by_session = bool(len(run.metrics.curve("reward_model/accuracy", "feedback/session")))
    x, x_label = ("feedback/session", "session") if by_session else ("time/total_timesteps", "environment steps")
    held_out = run.metrics.curve("reward_model/accuracy", x)
    if not len(held_out):
        return note("No accuracy: no answers were held out from fitting the reward model.")
    train: Curve = run.metrics.curve("reward_model/train_accuracy", x)
    caption = "Held-out accuracy should stay well above guessing; a wide gap to the fitted answers means overfitting."
    return figure(charts.accuracy(held_out=held_out, train=train, x_label=x_label), "Accuracy", caption)


def _reliability(run: RunData) -> str:
    num = 0 if run.held_out is None else len(run.held_out.share)
    if run.held_out is None or num < MIN_HELD_OUT:
        return note(f"No reliability diagram: it takes at least {MIN_HELD_OUT} held-out preferences, there are {num}.")
    bins = reliability(run.held_out.probability, run.held_out.share)
    caption = (
        f"On the diagonal, a pair called {percent(0.8)} is chosen {percent(0.8)} of the time."
        f" Expected calibration error {bins.error:.3f} over {num:,} held-out preferences;"
        f" bars are {percent(0.95)} intervals."
    )
    return figure(charts.reliability_diagram(bins), "Reliability", caption)


def _scatter(run: RunData) -> str:
    if run.reward_pairs is None:
        return note("No comparison with the true reward: this run recorded no pairs of the two.")
    true, learned = run.reward_pairs.true, run.reward_pairs.learned
    linear, rank = correlation(true, learned), rank_correlation(true, learned)
    if linear is None or rank is None:
        return note("No comparison with the true reward: one of the two does not vary.")
    caption = (
        f"A narrow band that rises means that the learned reward ranks steps as the task does:"
        f" correlation {linear:.2f}, rank correlation {rank:.2f}, over {len(true):,} steps. The line is the mean."
    )
    return figure(charts.reward_scatter(run.reward_pairs), "Learned against true reward", caption)


def _query(preferences: Preferences, index: int, clip: Clip) -> str:
    one = preferences[index : index + 1]
    order = [int(option) for option in one.shown_order[0]]
    letters = {option: chr(ord("A") + place) for place, option in enumerate(order)}
    verdict = _verdict(one, letters)
    about = [f"asked after {int(one.queries.asked_at[0]):,} steps"]
    returns = true_returns(one)
    if returns is not None:
        about.append("true return " + ", ".join(f"{letters[k]} {number(float(returns[0, k]))}" for k in order))
    if len(preferences.raters) > 1:
        about.append(f"by {preferences.raters[int(one.rater[0])].name}")
    caption = f"Query {int(one.query_id[0])}, {' · '.join(about)}{_speed(clip.speed)}"
    return figure(video(clip, f"query {int(one.query_id[0])}: {verdict}"), verdict, caption)


def _verdict(one: Preferences, letters: Mapping[int, str]) -> str:
    status = Status(int(one.answers.status[0]))
    if status is not Status.ANSWERED:
        return {Status.SKIPPED: "Skipped", Status.FAILED: "No answer", Status.INVALID: "Invalid answer"}[status]
    if bool(one.answers.tie[0]):
        return "Tie"
    return f"Chose {letters[int(one.answers.choice[0].argmax())]}"


def _speed(speed: float) -> str:
    return "" if speed > 0.95 else f" · {1 / speed:.1f}\N{MULTIPLICATION SIGN} slow motion"


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def _stop(sentence: str) -> str:
    return f"{sentence.rstrip('.')}."


def section(title: str, *parts: str, name: str) -> str:
    """Put parts under a heading; without parts there is no section."""
    body = "\n".join(part for part in parts if part)
    return f'<section id="{name}">\n<h2>{escape(title)}</h2>\n{body}\n</section>' if body else ""


def grid(*parts: str, kind: str = "halves") -> str:
    """Put parts side by side if there is room."""
    there = [part for part in parts if part]
    return f'<div class="grid {kind}">\n{"".join(there)}\n</div>' if there else ""


def figure(content: str, title: str, caption: str, kind: str = "") -> str:
    """Put a title above a picture and a caption below it."""
    heading = f"<h3>{escape(title)}</h3>" if title else ""
    return f'<figure class="panel {kind}">{heading}{content}<figcaption>{escape(caption)}</figcaption></figure>'


def card(title: str, value: str, unit: str, about: str) -> str:
    """Show one number."""
    small = f" <small>{escape(unit)}</small>" if unit else ""
    shown = f"<dt>{escape(title)}</dt><dd>{escape(value)}{small}</dd>"
    return f'<div class="card">{shown}<dd class="about">{escape(about)}</dd></div>'


def bar(parts: dict[str, int], kinds: dict[str, str]) -> str:
    """Draw counts as one bar with a legend below; parts of 0 are left out."""
    there = {name: count for name, count in parts.items() if count}
    total = sum(there.values())
    pieces = "".join(
        f'<span class="{kinds[name]}" style="flex-grow:{count}" title="{escape(name)}: {count:,}"></span>'
        for name, count in there.items()
    )
    legend = "".join(
        f'<li><i class="{kinds[name]}"></i>{escape(name)} <b>{count:,}</b> <span>{percent(count / total)}</span></li>'
        for name, count in there.items()
    )
    return f'<div class="bar">{pieces}</div><ul class="legend">{legend}</ul>'
