"""The tables. The migrations make them; a test holds the two together."""

import sqlalchemy as sa

METADATA = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")  # SQLite counts up in INTEGER columns only


def _number() -> sa.Column[int]:
    return sa.Column("number", _Number, sa.Identity(), primary_key=True)


def _to(table: str, name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, _Number, sa.ForeignKey(f"{table}.number"), nullable=nullable)


def _text(name: str, *, nullable: bool = False, unique: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=nullable, unique=unique)


def _time(name: str, *, nullable: bool = False) -> sa.Column[float]:
    return sa.Column(name, sa.Double, nullable=nullable)


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean, nullable=False)


def _table(name: str, *parts: sa.Column[int] | sa.Column[str] | sa.schema.SchemaItem) -> sa.Table:
    """Return a table whose numbers are not given again after rows were erased; PostgreSQL's sequences never do."""
    return sa.Table(name, METADATA, *parts, sqlite_autoincrement=True)


studies = _table(
    "studies",
    _number(),
    _text("id", unique=True),
    _text("name"),
    _text("cfg"),
    _time("created_at"),
    _flag("paused"),
)

geometries = _table(
    "geometries",
    _number(),
    _text("id", unique=True),
    _text("media_type"),
    sa.Column("content", sa.LargeBinary, nullable=False),
)

segments = _table(
    "segments",
    _number(),
    _text("id", unique=True),
    _text("env"),
    sa.Column("num_steps", sa.Integer, nullable=False),
    sa.Column("dt_s", sa.Double, nullable=False),
    _to("geometries", "geometry", nullable=True),
    _text("media_type"),
    sa.Column("drawing", sa.LargeBinary, nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False),
)

questions = _table(
    "questions",
    _number(),
    _to("studies", "study"),
    sa.Column("query_id", sa.BigInteger, nullable=False),
    sa.Column("asked_at", sa.BigInteger, nullable=False),
    _text("criterion"),
    _text("shown_sha256"),
    _text("role"),  # plain, gold or practice
    _text("gold", nullable=True),
    sa.Column("turn", sa.Integer, nullable=False),  # minus the priority, so that an index has the order
    sa.Column("num_answers", sa.Integer, nullable=False),  # by distinct raters that count; follows the events
    _flag("full"),  # num_answers has reached the overlap: an index leads past these
    sa.UniqueConstraint("study", "query_id", "criterion", "shown_sha256", "role"),
    sa.Index(None, "study", "role", "full", "turn", "number"),
)

question_segments = sa.Table(
    "question_segments",
    METADATA,
    sa.Column("question", _Number, sa.ForeignKey("questions.number"), primary_key=True),
    sa.Column("place", sa.Integer, primary_key=True),
    _to("segments", "segment"),
    sa.Index(None, "segment"),
)

invitations = _table(
    "invitations",
    _number(),
    _to("studies", "study"),
    _text("token_sha256", unique=True),
    _text("name", nullable=True),
    sa.Column("max_raters", sa.Integer, nullable=True),
    sa.Column("num_raters", sa.Integer, nullable=False),
    _time("created_at"),
    _time("expires_at", nullable=True),
)

raters = _table(
    "raters",
    _number(),
    _text("id", unique=True),
    _to("studies", "study"),
    _to("invitations", "invitation"),
    sa.Column("ordinal", sa.Integer, nullable=False),  # counts the raters of a study
    _text("name"),
    _text("participant", nullable=True),
    _time("joined_at", nullable=True),
    _time("consented_at", nullable=True),
    _flag("excluded"),
    _flag("withdrawn"),
    sa.Column("num_withdrawn", sa.Integer, nullable=False),  # answers that stood before the withdrawal
    sa.UniqueConstraint("study", "ordinal"),
    sa.UniqueConstraint("study", "name"),
    sa.UniqueConstraint("study", "participant"),
)

logins = _table(
    "logins",
    _number(),
    _to("raters", "rater"),
    _text("token_sha256", unique=True),
    _time("opened_at"),
    sa.Index(None, "rater"),
)

assignments = _table(
    "assignments",
    _number(),
    _text("id", unique=True),
    _to("studies", "study"),
    _to("questions", "question"),
    _to("raters", "rater"),
    sa.Column("slot", sa.Integer, nullable=False),  # counts the assignments of a rater
    sa.Column("repeat", sa.Integer, nullable=False),  # 0 for the first time that the rater gets this question
    _text("shown_order"),
    _time("lease_until"),
    _text("outcome", nullable=True),  # NULL while nothing stands; follows the events
    sa.UniqueConstraint("question", "rater", "repeat"),
    sa.UniqueConstraint("rater", "slot"),
    sa.Index(None, "study", "outcome"),
)

events = _table(
    "events",
    _number(),
    _to("studies", "study"),
    _to("raters", "rater"),
    _to("assignments", "assignment", nullable=True),
    _to("questions", "question", nullable=True),
    sa.Column("repeat", sa.Integer, nullable=False),
    _text("type"),
    _text("client_id", nullable=True),
    _text("status"),
    _text("statement"),
    sa.Column("seconds", sa.Double, nullable=False),
    _text("provenance"),
    _time("at"),
    _text("by"),
    sa.UniqueConstraint("rater", "client_id"),
    sa.Index(None, "study", "number"),
    sa.Index(None, "question", "rater"),
    sa.Index(None, "assignment"),
)
