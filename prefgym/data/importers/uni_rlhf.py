"""Labels of Uni-RLHF.

Yuan et al., Uni-RLHF: Universal Platform and Benchmark Suite for Reinforcement Learning with Diverse Human Feedback,
ICLR 2024, arXiv:2402.02423; repository pickxiguapi/Clean-Offline-RLHF. A folder of `crowdsource_human_labels` or
`generated_fake_labels` holds three pickles: `indices_1_..._len_200_....pkl` and `indices_2_...`, the first steps of
both segments, and `human_label_...`: 0 for the first, 1 for the second, -1 for neither, or `fake_label_...`: the share
of each.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import tyro

from prefgym.common.errors import UserError
from prefgym.core.preferences import Preferences
from prefgym.data.importers.base import ImportCfg
from prefgym.data.importers.pickles import read_array
from prefgym.data.importers.preference_transformer import of_numbered_pairs, the_file


@dataclass(frozen=True, kw_only=True)
class UniRlhfImportCfg(ImportCfg):
    """Import a folder of labels of Uni-RLHF."""

    folder: tyro.conf.Positional[Path]
    """The folder, such as crowdsource_human_labels/hopper-medium-v2_human_labels."""
    dataset: Path
    """`.npz` with the arrays of `d4rl.qlearning_dataset`, in which the labels count steps."""


def read_uni_rlhf(cfg: UniRlhfImportCfg) -> Preferences:
    """Read the labels, and the segments out of the dataset; their length is in the names of the files.

    Raises:
        UserError: If the folder lacks a file, one is damaged, or the labels are of another dataset.
    """
    file = the_file(cfg.folder, "*_label_*.pkl")
    length = re.search(r"_len_(\d{1,6})_", file.name)
    if length is None:
        raise UserError(f"{file} does not name the length of its segments: it is expected as _len_200_.")
    starts = [read_array(the_file(cfg.folder, f"indices_{side}_*.pkl")) for side in (1, 2)]
    return of_numbered_pairs(cfg, cfg.folder, read_array(file), starts, cfg.dataset, int(length[1]))
