"""The formats that feedback is imported from."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from prefgym.core.kinds import Statement
from prefgym.core.preferences import Preferences
from prefgym.data.feedback import check_new, write_feedback
from prefgym.data.importers.base import ImportCfg
from prefgym.data.importers.cpl import CplImportCfg, read_cpl
from prefgym.data.importers.imitation import ImitationImportCfg, read_imitation
from prefgym.data.importers.ipl import IplImportCfg, read_ipl
from prefgym.data.importers.label_studio import LabelStudioImportCfg, read_label_studio
from prefgym.data.importers.minari import MinariImportCfg, read_minari
from prefgym.data.importers.preference_transformer import (
    PreferenceTransformerImportCfg,
    read_preference_transformer,
)
from prefgym.data.importers.table import TableImportCfg, read_table
from prefgym.data.importers.uni_rlhf import UniRlhfImportCfg, read_uni_rlhf


@dataclass(frozen=True)
class Importer:
    """A format: its settings, and the function that reads its files."""

    cfg: type[ImportCfg]
    read: Callable[[Any], Preferences[Statement]]


IMPORTERS = {
    "cpl": Importer(CplImportCfg, read_cpl),
    "imitation": Importer(ImitationImportCfg, read_imitation),
    "ipl": Importer(IplImportCfg, read_ipl),
    "label-studio": Importer(LabelStudioImportCfg, read_label_studio),
    "minari": Importer(MinariImportCfg, read_minari),
    "preference-transformer": Importer(PreferenceTransformerImportCfg, read_preference_transformer),
    "table": Importer(TableImportCfg, read_table),
    "uni-rlhf": Importer(UniRlhfImportCfg, read_uni_rlhf),
}
"""The importers by the name of their format."""


def import_feedback(cfg: ImportCfg) -> Preferences[Statement]:
    """Read feedback in the format of others, write it as a folder, and return it.

    Args:
        cfg: Settings of a format, such as `IplImportCfg`.

    Raises:
        UserError: If a file is damaged or of another format, or the folder exists.
    """
    check_new(cfg.out)
    (read,) = (importer.read for importer in IMPORTERS.values() if importer.cfg is type(cfg))
    preferences = read(cfg)
    write_feedback(cfg.out, preferences, cfg.card)
    return preferences
