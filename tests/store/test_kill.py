"""A process that is killed while it writes loses nothing that it had confirmed."""

import uuid
from dataclasses import replace

import pytest
from kill_store import KillCfg, check_confirmed, kill_often
from stores import filled, new_event

from prefgym.store.store import Store


@pytest.mark.slow  # six processes
def test_five_kills_lose_nothing(url: str) -> None:
    assert kill_often(KillCfg(times=5, raters=6, most_between=12), url) >= 5


def test_what_is_lost_or_double_is_found(store: Store) -> None:
    one = filled(store)
    (ada,) = one.joined(1)
    event = replace(new_event(store.assign(ada, 1)[0]), client_id=str(uuid.UUID(int=5)))
    number = store.record(ada, event).event
    check_confirmed(store, [ada], {event.client_id: number})
    for wrong in ({event.client_id: number + 1}, {str(uuid.UUID(int=6)): number}):
        with pytest.raises(AssertionError, match="confirmed events are lost"):
            check_confirmed(store, [ada], wrong)
    with pytest.raises(AssertionError, match="twice"):
        check_confirmed(store, [ada, ada], {})
