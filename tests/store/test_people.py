"""Invitations, raters, logins."""

import pytest
from stores import START, Clock, filled

from prefgym.common.errors import UserError
from prefgym.store.errors import StoreRefusal
from prefgym.store.people import MOST_LOGINS
from prefgym.store.store import Store
from prefgym.store.study import StudyCfg


def code(store: Store, token: str, participant: str | None = None) -> str:
    with pytest.raises(StoreRefusal) as caught:
        store.join(token, participant)
    return caught.value.code


def test_an_invitation_is_for_one(store: Store) -> None:
    study = store.add_study(StudyCfg(name="a"))
    token = store.invite(study, name="ada")
    rater = store.join(token)
    assert (rater.name, rater.study, rater.is_returning) == ("ada", study, False)
    assert code(store, token) == "used-invitation"
    assert store.rater(rater.id) == rater
    (known,) = store.invitations(study)
    assert (known.name, known.max_raters, known.num_raters, known.created_at) == ("ada", 1, 1, START)


def test_an_invitation_ends(store: Store, clock: Clock) -> None:
    study = store.add_study(StudyCfg(name="a"))
    token = store.invite(study, max_raters=None, expires_at=START + 10)
    store.join(token)
    clock.now += 10
    assert code(store, token) == "expired-invitation"
    assert code(store, token + "x") == "unknown-invitation"
    assert code(store, "\ud800") == "unknown-invitation"


def test_names_are_unique_in_a_study(store: Store) -> None:
    first, second = store.add_study(StudyCfg(name="a")), store.add_study(StudyCfg(name="b"))
    token = store.invite(first, name="ada", max_raters=2)
    names = [store.join(one).name for one in (token, store.invite(first), token, store.invite(second, name="ada"))]
    assert names == ["ada", "rater-2", "ada-2", "ada"]


def test_a_participant_who_returns_is_found(store: Store) -> None:
    study = store.add_study(StudyCfg(name="a"))
    token = store.invite(study, max_raters=2)
    first = store.join(token, "P1")
    again, elsewhere = store.join(token, "P1"), store.join(store.invite(study), "P1")
    assert not first.is_returning
    assert again.is_returning
    assert elsewhere.is_returning
    assert first.id == again.id == elsewhere.id
    assert store.join(token, "P2").id != first.id, "who returned took no place"
    assert code(store, token, "P3") == "used-invitation"
    assert store.join(token, "P1").id == first.id
    other = store.add_study(StudyCfg(name="b"))
    assert not store.join(store.invite(other), "P1").is_returning


def test_a_link_that_somebody_took_up_makes_nobody_another_participant(store: Store) -> None:
    study = store.add_study(StudyCfg(name="a"))
    store.join(store.invite(study, max_raters=None), "P1")
    ada = store.invite(study, name="ada")
    first = store.join(ada, "ADA")
    assert code(store, ada, "P1") == "used-invitation"
    assert store.join(ada, "ADA").id == first.id


def test_who_may_not_come_is_told(store: Store) -> None:
    study = store.add_study(StudyCfg(name="a"))
    with pytest.raises(StoreRefusal, match="at least one rater"):
        store.invite(study, max_raters=0)
    with pytest.raises(UserError, match="one line"):
        store.invite(study, name="a\0b")
    with pytest.raises(UserError, match="one line"):
        store.join(store.invite(study), "P\n1")
    with pytest.raises(UserError, match="must not be empty"):
        store.join(store.invite(study), "")


def test_logins_begin_and_end(store: Store) -> None:
    one = filled(store)
    ada, ben = one.joined(2)
    first, second, other = store.open_login(ada), store.open_login(ada), store.open_login(ben)
    assert [rater.id for token in (first, second, other) if (rater := store.login(token))] == [ada, ada, ben]
    store.close_login(first)
    store.close_login("no such login")
    assert store.login(first) is None
    assert store.login(second) is not None
    assert store.login("") is None


def test_the_oldest_logins_end_when_there_are_many(store: Store) -> None:
    (ada,) = filled(store).joined(1)
    tokens = [store.open_login(ada) for _ in range(MOST_LOGINS + 1)]
    assert store.login(tokens[0]) is None
    assert store.login(tokens[1]) is not None


def test_consent_is_recorded(store: Store) -> None:
    (ada,) = filled(store).joined(1)
    assert not store.rater(ada).consented
    store.consent(ada)
    store.consent(ada)
    assert store.rater(ada).consented
