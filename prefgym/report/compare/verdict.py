"""The top of the page: a sentence that is made by rules, what to know about it, and figures."""

from collections.abc import Sequence

from prefgym.core.intervals import share_interval
from prefgym.evaluation.statistics import SEEDS_FOR_INTERVAL, Interval
from prefgym.report.compare.arms import Arm
from prefgym.report.compare.comparison import MOST_TINTS, Arms, Pair
from prefgym.report.markup import Figure
from prefgym.report.numbers import number, percent, percent_range
from prefgym.report.shipped import shipped_words

WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def verdict(one: Arms) -> str:
    """Return the sentence on top."""
    if not one.finished:
        return "No run has finished yet, so there are no numbers to compare."
    pairs = list(one.pairs)
    if not pairs:
        arm = one.finished[0]
        others = ", the only arm with a finished run" if len(one.arms) > 1 else ""
        return f"{arm.name}: {one.metric} {number(_centre(arm))}{_spread(arm)}, {seeds(len(arm.finals))}{others}."
    return _of_two(pairs[0]) if len(pairs) == 1 else _of_many(one)


def rest(one: Arms) -> str:
    """Return what to know about the sentence."""
    told: list[str] = []
    if one.pairs:
        what = "Ratio" if one.pairs[0].is_ratio else "Difference"
        told.append(f"{what} of {_plural(one.average)} of final {one.metric}s{_centres(one)}.")
        told.append(_of_intervals(one))
    if one.finished and any(not arm.has_interval for arm in one.finished):
        table = shipped_words(one.runs[0].data.config)
        told.append(f"{table} So this is no finding yet." if table else "So this is no finding yet.")
        told.append(f"From {seeds(SEEDS_FOR_INTERVAL)} an arm on this page gives interquartile means and intervals.")
    return " ".join(sentence for sentence in told if sentence)


def figures(one: Arms) -> tuple[Figure, ...]:
    """Return the figures: final returns, their ratio, accuracy of the reward, episodes that end early."""
    if one.is_many:
        return _of_extremes(one)
    shown = [_final(one, arm) for arm in one.finished]
    if len(one.pairs) == 1:
        pair, interval = one.pairs[0], one.pairs[0].estimate.interval
        about = in_words(interval) if interval else f"no interval below {seeds(SEEDS_FOR_INTERVAL)}"
        name = f"{'Ratio' if pair.is_ratio else 'Difference'} of {_plural(one.average)}"
        shown.append(Figure(name=name, value=estimate(pair), about=about))
    shown += [_accuracy(arm) for arm in one.finished if arm.held_out[1]][:1]
    early = [(arm, *arm.early(one.limit)) for arm in one.finished]
    if any(num for _, _, num in early):
        (first, ended, num), others = early[0], early[1:]
        told = "; ".join(f"{arm.name}: {ends} of {total}" for arm, ends, total in others)
        shown.append(Figure(name=f"End early, {first.name}", value=f"{ended}", unit=f"of {num}", about=told))
    return tuple(shown)


def _of_extremes(one: Arms) -> tuple[Figure, ...]:
    ordered = sorted(one.finished, key=_centre)
    told = (Figure(name="Arms", value=f"{len(one.arms)}", about=f"{len(one.runs)} runs"),)
    ends = [("Highest", ordered[-1]), ("Lowest", ordered[0])] if ordered else []
    return told + tuple(
        Figure(name=f"{name} final {_short(one.metric)}", value=number(_centre(arm)), about=arm.name)
        for name, arm in ends
    )


def estimate(pair: Pair) -> str:
    """Write a ratio or a difference."""
    return f"{pair.estimate.value:.2f}" if pair.is_ratio else signed(pair.estimate.value)


def signed(value: float) -> str:
    """Write a number with its sign."""
    return f"+{number(value)}" if value > 0 else number(value)


def in_words(interval: Interval, *, is_ratio: bool = True) -> str:
    """Write an interval."""
    return str(interval) if is_ratio else f"{signed(interval.low)} to {signed(interval.high)}"


def seeds(num: int) -> str:
    """Write a number of seeds.

    >>> seeds(1), seeds(6), seeds(20)
    ('one seed', 'six seeds', '20 seeds')
    """
    return f"{WORDS[num] if num < len(WORDS) else num} seed{'' if num == 1 else 's'}"


def _of_two(pair: Pair) -> str:
    arm, reference = pair.arm, pair.reference
    interval = pair.estimate.interval
    subject, verb = (_subject(arm), "reach") if reference.is_task_reward else (arm.name, "ends at")
    verb = "reaches" if subject == arm.name and verb == "reach" else verb
    other = "the task reward" if reference.is_task_reward else reference.name
    if pair.is_ratio:
        found = f"{subject} {verb} {estimate(pair)} of {other}"
    else:
        found = f"{arm.name} ends {number(abs(pair.estimate.value))} {_side(pair.estimate.value)} {other}"
    counts = [len(arm.finals), len(reference.finals)]
    if interval is None:
        few = f"{seeds(counts[0])} an arm" if counts[0] == counts[1] else f"{counts[0]} and {counts[1]} seeds"
        return f"{found}; {few}, so no interval."
    told = f"{found}, 95 % interval {in_words(interval, is_ratio=pair.is_ratio)}"
    if pair.is_open:
        return f"{told}: {seeds(min(counts))} do not tell them apart."
    return f"{told}: it leaves out {pair.nothing:.0f}."


def _of_many(one: Arms) -> str:
    reference = one.pairs[0].reference
    other = "the task reward" if reference.is_task_reward else reference.name
    against = f"Ratio to {other}" if one.pairs[0].is_ratio else f"Difference to {other}"
    if len(one.pairs) <= MOST_TINTS:
        told = [
            f"{pair.arm.name} {estimate(pair)}"
            + (f" ({in_words(interval, is_ratio=pair.is_ratio)})" if (interval := pair.estimate.interval) else "")
            for pair in one.pairs
        ]
        between = "; " if any("," in pair.arm.name for pair in one.pairs) else ", "
        return f"{against}: {between.join(told)}."
    ordered = sorted(one.pairs, key=lambda pair: pair.estimate.value)
    low, high = ordered[0], ordered[-1]
    return f"{against}: from {estimate(low)} ({low.arm.name}) to {estimate(high)} ({high.arm.name})."


def _of_intervals(one: Arms) -> str:
    """Say what the intervals are, or of fewer seeds, whether they overlap."""
    without = [pair for pair in one.pairs if pair.estimate.interval is None]
    told: list[str] = []
    if len(without) < len(one.pairs):
        told.append("Intervals are percentile bootstraps in which the seeds of both arms are resampled.")
        clear = [pair.arm.name for pair in one.pairs if not pair.is_open]
        if len(one.pairs) > 1 and clear:
            told.append(f"{_listed(clear)} leave{'s' if len(clear) == 1 else ''} out {one.pairs[0].nothing:.0f}.")
        told.append(
            "One comparison was looked at; with more arms, more of them would clear the bar by chance."
            if len(one.pairs) == 1
            else f"{one.num_comparisons} pairs of arms can be looked at: some clear the bar by chance."
        )
    if len(without) == 1:
        pair = without[0]
        verb = "overlap" if pair.overlaps else "do not overlap"
        ranges = " and ".join(number_range(arm.range) for arm in (pair.arm, pair.reference) if arm.range)
        told.append(f"The seeds of the two arms {verb} ({ranges}).")
    elif without:
        over, apart = ([pair.arm.name for pair in without if pair.overlaps is kind] for kind in (True, False))
        name = without[0].reference.name
        told.append(f"The seeds of {_listed(over)} overlap with those of {name}." if over else "")
        told.append(f"The seeds of {_listed(apart)} do not overlap with those of {name}." if apart else "")
    return " ".join(sentence for sentence in told if sentence)


def number_range(interval: Interval) -> str:
    """Write the lowest and the highest return."""
    return f"{number(interval.low)} to {number(interval.high)}"


def _subject(arm: Arm) -> str:
    """Name an arm by its labels where they are alike."""
    fewest, most = arm.labels
    return f"{arm.name}\N{RIGHT SINGLE QUOTATION MARK}s {most:,} labels" if fewest == most and most > 1 else arm.name


def _side(value: float) -> str:
    return "above" if value >= 0 else "below"


def _centres(one: Arms) -> str:
    told = "; ".join(f"{arm.name} {number(_centre(arm))}" for arm in one.finished)
    return "" if one.is_many else f": {told}"


def _centre(arm: Arm) -> float:
    return 0.0 if arm.centre is None else arm.centre


def _spread(arm: Arm) -> str:
    if arm.interval is not None:
        return f", 95 % interval {number_range(arm.interval)}"
    return f" ({number_range(arm.range)})" if arm.range and len(arm.finals) > 1 else ""


def _final(one: Arms, arm: Arm) -> Figure:
    episodes = arm.early(one.limit)[1]
    mean = "IQM" if arm.has_interval else "mean"
    about = f"{mean} of {seeds(len(arm.finals))}" if len(arm.finals) > 1 else seeds(1)
    about += f", {episodes} episodes" if episodes else ""
    return Figure(name=f"Final {_short(one.metric)}, {arm.name}", value=number(_centre(arm)), about=about)


def _accuracy(arm: Arm) -> Figure:
    right, num = arm.held_out
    about = f"{percent_range(*share_interval(right, num))}, n = {num:,} held-out answers"
    return Figure(name=f"Reward accuracy, {arm.name}", value=percent(right / num), about=about)


def _short(metric: str) -> str:
    return metric.removeprefix("true ")


def _plural(average: str) -> str:
    return average if " or " in average else f"{average}s"


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]
