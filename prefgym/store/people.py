"""Invitations, raters and logins. Of a secret only its hash is stored."""

import sqlalchemy as sa

from prefgym.store.connect import Database
from prefgym.store.errors import StoreRefusal
from prefgym.store.records import Invitation, Rater
from prefgym.store.rows import Row, hashed, insert, new_id, new_token, rater_of, rater_row, study_row
from prefgym.store.tables import invitations, logins, raters, studies
from prefgym.store.texts import check_line

MOST_LOGINS = 50
"""Most logins of a rater; the oldest ends when another begins."""


def invite(
    database: Database,
    study_id: str,
    *,
    name: str | None = None,
    max_raters: int | None = 1,
    expires_at: float | None = None,
) -> str:
    """Make an invitation and return its token, which is stored nowhere.

    Raises:
        StoreRefusal: If there is no study of this id.
        UserError: If the name is no line, or nobody may come.
    """
    if name is not None:
        check_line("the name of a rater", name)
    if max_raters is not None and max_raters < 1:
        raise StoreRefusal("bad-invitation", f"An invitation is for at least one rater, not {max_raters}.")
    token = new_token()
    with database.writing() as connection:
        values = {"token_sha256": hashed(token), "name": name, "max_raters": max_raters}
        times = {"created_at": database.clock(), "expires_at": expires_at}
        insert(connection, invitations, study=study_row(connection, study_id).number, num_raters=0, **values, **times)
    return token


def all_invitations(database: Database, study_id: str) -> list[Invitation]:
    """List the invitations of a study, the oldest first.

    Raises:
        StoreRefusal: If there is no study of this id.
    """
    with database.reading() as connection:
        mine = invitations.c.study == study_row(connection, study_id).number
        rows = connection.execute(invitations.select().where(mine).order_by(invitations.c.number))
        return [
            Invitation(
                id=row.number,
                name=row.name,
                max_raters=row.max_raters,
                num_raters=row.num_raters,
                created_at=row.created_at,
                expires_at=row.expires_at,
            )
            for row in rows
        ]


def peek(database: Database, token: str) -> str:
    """Return the id of the study that an invitation is for; it is not taken up by this.

    Raises:
        StoreRefusal: If the invitation is unknown.
    """
    query = sa.select(studies.c.id).join(invitations).where(invitations.c.token_sha256 == hashed(token))
    with database.reading() as connection:
        study_id = connection.execute(query).scalar()
    if study_id is None:
        raise StoreRefusal("unknown-invitation", "This invitation is not known here.")
    return study_id


def revoke(database: Database, study_id: str, number: int) -> None:
    """End an invitation now; who has taken it up stays.

    Raises:
        StoreRefusal: If the study has no such invitation.
    """
    with database.writing() as connection:
        one = (invitations.c.study == study_row(connection, study_id).number, invitations.c.number == number)
        if connection.execute(invitations.select().where(*one)).one_or_none() is None:
            raise StoreRefusal("unknown-invitation", "This invitation is not known here.")
        now = database.clock()
        lasting = sa.or_(invitations.c.expires_at.is_(None), invitations.c.expires_at > now)
        connection.execute(sa.update(invitations).where(*one, lasting).values(expires_at=now))


def join(database: Database, token: str, participant: str | None = None) -> Rater:
    """Return the rater that an invitation makes, or the one that the participant has been before.

    Raises:
        StoreRefusal: If the invitation is unknown, has expired, or was taken up by as many as it is for.
        UserError: If the participant id is no line.
    """
    if participant is not None:
        check_line("the participant id", participant)
    with database.writing() as connection:
        found = invitations.select().where(invitations.c.token_sha256 == hashed(token)).with_for_update()
        invitation = connection.execute(found).one_or_none()
        if invitation is None:
            raise StoreRefusal("unknown-invitation", "This invitation is not known here.")
        # the row of the study is locked, so that two who join at once get different numbers
        study = sa.select(studies.c.number).where(studies.c.number == invitation.study)
        connection.execute(study.with_for_update(key_share=True))
        if invitation.expires_at is not None and database.clock() >= invitation.expires_at:
            raise StoreRefusal("expired-invitation", "This invitation has expired: ask for another one.")
        if participant is not None:
            same = (raters.c.study == invitation.study, raters.c.participant == participant)
            known = connection.execute(sa.select(raters.c.id, raters.c.invitation).where(*same)).one_or_none()
            # a link that one person has taken up makes nobody another person
            is_taken = invitation.max_raters == 1 and invitation.num_raters > 0
            if known is not None and (known.invitation == invitation.number or not is_taken):
                return rater_of(rater_row(connection, known.id), is_returning=True)
        if invitation.max_raters is not None and invitation.num_raters >= invitation.max_raters:
            raise StoreRefusal("used-invitation", "This invitation has been used already: ask for another one.")
        taken = sa.update(invitations).where(invitations.c.number == invitation.number)
        connection.execute(taken.values(num_raters=invitations.c.num_raters + 1))
        return rater_of(rater_row(connection, _new_rater(connection, invitation, participant, database.clock())))


def _new_rater(connection: sa.Connection, invitation: Row, participant: str | None, now: float) -> str:
    mine = sa.select(raters.c.ordinal, raters.c.name).where(raters.c.study == invitation.study)
    others = connection.execute(mine).all()
    ordinal = 1 + max((row.ordinal for row in others), default=0)
    rater_id = new_id()
    insert(
        connection,
        raters,
        id=rater_id,
        study=invitation.study,
        invitation=invitation.number,
        ordinal=ordinal,
        name=_free_name(invitation.name, ordinal, {row.name for row in others}),
        participant=participant,
        joined_at=now,
        excluded=False,
        withdrawn=False,
        num_withdrawn=0,
    )
    return rater_id


def _free_name(wish: str | None, ordinal: int, taken: set[str]) -> str:
    """Return a pseudonym that no rater of the study has.

    >>> _free_name("ada", 3, {"ada"}), _free_name(None, 3, {"ada"})
    ('ada-2', 'rater-3')
    """
    name = first = wish or f"rater-{ordinal}"
    number = 2
    while name in taken:
        name, number = f"{first}-{number}", number + 1
    return name


def one_rater(database: Database, rater_id: str) -> Rater:
    """Return a rater.

    Raises:
        StoreRefusal: If there is none of this id.
    """
    with database.reading() as connection:
        return rater_of(rater_row(connection, rater_id))


def consent(database: Database, rater_id: str) -> None:
    """Record that a rater agreed to the consent text of the study.

    Raises:
        StoreRefusal: If there is no rater of this id, or the rater withdrew.
    """
    with database.writing() as connection:
        row = rater_row(connection, rater_id, lock=True)
        refuse_withdrawn(row)
        agreed = sa.update(raters).where(raters.c.number == row.number, raters.c.consented_at.is_(None))
        connection.execute(agreed.values(consented_at=database.clock()))


def refuse_withdrawn(row: Row) -> None:
    """Refuse what a rater wants who took back everything.

    Raises:
        StoreRefusal: If this one did.
    """
    if row.withdrawn:
        raise StoreRefusal("withdrawn", "This person took back all answers: nothing more is recorded.")


def open_login(database: Database, rater_id: str) -> str:
    """Begin a login and return its token, which is stored nowhere.

    Raises:
        StoreRefusal: If there is no rater of this id, or the rater withdrew.
    """
    token = new_token()
    with database.writing() as connection:
        row = rater_row(connection, rater_id, lock=True)
        refuse_withdrawn(row)
        insert(connection, logins, rater=row.number, token_sha256=hashed(token), opened_at=database.clock())
        mine = sa.select(logins.c.number).where(logins.c.rater == row.number).order_by(logins.c.number.desc())
        old = connection.execute(mine.offset(MOST_LOGINS)).scalars().all()
        if old:
            connection.execute(sa.delete(logins).where(logins.c.number.in_(old)))
    return token


def login(database: Database, token: str) -> Rater | None:
    """Return the rater of a login; None if there is no such login."""
    with database.reading() as connection:
        query = sa.select(raters.c.id).join(logins).where(logins.c.token_sha256 == hashed(token))
        rater_id = connection.execute(query).scalar()
        return None if rater_id is None else rater_of(rater_row(connection, rater_id))


def close_login(database: Database, token: str) -> None:
    """End a login, if there is one."""
    with database.writing() as connection:
        connection.execute(sa.delete(logins).where(logins.c.token_sha256 == hashed(token)))
