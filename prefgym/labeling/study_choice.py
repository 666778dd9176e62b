"""Which study an admin asks about: the newest one, unless the address names another."""

from typing import Annotated

from fastapi import Depends, Query

from prefgym.labeling.access import TheStore
from prefgym.labeling.refusals import Refusal
from prefgym.store.records import Study


def study_of(
    store: TheStore, study: Annotated[str | None, Query(min_length=1, max_length=64, pattern="^[A-Za-z0-9_-]+$")] = None
) -> Study:
    """Return the study.

    Raises:
        Refusal: If the store has none.
    """
    if study is not None:
        return store.study(study)
    known = store.studies()
    if not known:
        raise Refusal(404, "unknown-study", "There is no study here yet.")
    return known[-1]


TheStudy = Annotated[Study, Depends(study_of)]
