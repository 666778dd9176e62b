"""Labels of Preference Transformer.

Kim et al., Preference Transformer: Modeling Human Preferences Using Transformers for RL, ICLR 2023, arXiv:2303.00957;
repository csmile-1006/PreferenceTransformer. A folder of `human_label` holds three pickles: `indices_num100` and
`indices_2_num100`, the first steps of both segments, and `label_human`: 0 for the first, 1 for the second, -1 for
neither.
"""

from dataclasses import dataclass
from pathlib import Path

import tyro

from prefgym.common.errors import UserError
from prefgym.common.limits import Count
from prefgym.core.preferences import Preferences
from prefgym.core.queries import Queries
from prefgym.data.importers.base import Array, ImportCfg, of_labels, side_by_side
from prefgym.data.importers.numbered_steps import read_numbered_steps
from prefgym.data.importers.pickles import read_array


@dataclass(frozen=True, kw_only=True)
class PreferenceTransformerImportCfg(ImportCfg):
    """Import a folder of labels of Preference Transformer."""

    folder: tyro.conf.Positional[Path]
    """The folder, such as human_label/hopper-medium-expert-v2."""
    dataset: Path
    """`.npz` with the arrays of `d4rl.qlearning_dataset`, in which the labels count steps."""
    segment_length: Count = 100
    """Steps of a segment: its `query_len`."""


def read_preference_transformer(cfg: PreferenceTransformerImportCfg) -> Preferences:
    """Read the labels, and the segments out of the dataset.

    Raises:
        UserError: If the folder lacks a file, one is damaged, or the labels are of another dataset.
    """
    labels = read_array(the_file(cfg.folder, "label_human*"))
    starts = [read_array(the_file(cfg.folder, pattern)) for pattern in ("indices_num*", "indices_2_num*")]
    return of_numbered_pairs(cfg, cfg.folder, labels, starts, cfg.dataset, cfg.segment_length)


def of_numbered_pairs(
    cfg: ImportCfg, folder: Path, labels: Array, starts: list[Array], dataset: Path, num_steps: int
) -> Preferences:
    """Make preferences of labels about pairs of windows that are named by their first steps.

    Args:
        cfg: What is known of the answers.
        folder: The folder, for sentences.
        labels: 0, 1 and -1, or the shares of both. Shape: (B,) or (B, 2).
        starts: First steps of the first and of the second options; there may be more of them than labels.
        dataset: Arrays of the dataset.
        num_steps: Steps of a window.

    Raises:
        UserError: If the arrays do not fit each other, or the labels are of another dataset.
    """
    for start in starts:
        if start.ndim != 1 or start.dtype.kind not in "iu" or len(start) < len(labels):
            raise UserError(
                f"{folder}: the numbers of first steps must be whole, one for each of {len(labels)} labels."
            )
    answers = of_labels(folder, "the label", labels)
    steps = read_numbered_steps(dataset)
    options = [steps.windows(start[: len(labels)], num_steps) for start in starts]
    return Preferences.of(Queries.of(side_by_side(folder, *options)), answers, cfg.info)


def the_file(folder: Path, pattern: str) -> Path:
    """Return the file of a folder that a pattern matches.

    Raises:
        UserError: If there is none, or more than one.
    """
    found = sorted(folder.glob(pattern)) if folder.is_dir() else []
    if len(found) != 1:
        raise UserError(f"{folder} has {len(found)} files {pattern}, and one is expected.")
    return found[0]
