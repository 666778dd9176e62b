"""The first version."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_REAL: sa.Double[float] = sa.Double()


def upgrade() -> None:
    """Make all tables."""
    op.create_table(
        "geometries",
        sa.Column("number", _NUMBER, sa.Identity(always=False), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_geometries")),
        sa.UniqueConstraint("id", name=op.f("uq_geometries_id")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "studies",
        sa.Column("number", _NUMBER, sa.Identity(always=False), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("cfg", sa.Text(), nullable=False),
        sa.Column("created_at", _REAL, nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_studies")),
        sa.UniqueConstraint("id", name=op.f("uq_studies_id")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "invitations",
        sa.Column("number", _NUMBER, sa.Identity(always=False), nullable=False),
        sa.Column("study", _NUMBER, nullable=False),
        sa.Column("token_sha256", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("max_raters", sa.Integer(), nullable=True),
        sa.Column("num_raters", sa.Integer(), nullable=False),
        sa.Column("created_at", _REAL, nullable=False),
        sa.Column("expires_at", _REAL, nullable=True),
        sa.ForeignKeyConstraint(["study"], ["studies.number"], name=op.f("fk_invitations_study")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_invitations")),
        sa.UniqueConstraint("token_sha256", name=op.f("uq_invitations_token_sha256")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "questions",
        sa.Column("number", _NUMBER, sa.Identity(always=False), nullable=False),
        sa.Column("study", _NUMBER, nullable=False),
        sa.Column("query_id", sa.BigInteger(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("criterion", sa.Text(), nullable=False),
        sa.Column("shown_sha256", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("gold", sa.Text(), nullable=True),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("num_answers", sa.Integer(), nullable=False),
        sa.Column("full", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["study"], ["studies.number"], name=op.f("fk_questions_study")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_questions")),
        sa.UniqueConstraint(
            "study",
            "query_id",
            "criterion",
            "shown_sha256",
            "role",
            name=op.f("uq_questions_study_query_id_criterion_shown_sha256_role"),
        ),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_questions_study_role_full_turn_number"),
        "questions",
        ["study", "role", "full", "turn", "number"],
        unique=False,
    )
    op.create_table(
        "segments",
        sa.Column("number", _NUMBER, sa.Identity(always=False), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("env", sa.Text(), nullable=False),
        sa.Column("num_steps", sa.Integer(), nullable=False),
        sa.Column("dt_s", _REAL, nullable=False),
        sa.Column("geometry", _NUMBER, nullable=True),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("drawing", sa.LargeBinary(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["geometry"], ["geometries.number"], name=op.f("fk_segments_geometry")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_segments")),
        sa.UniqueConstraint("id", name=op.f("uq_segments_id")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "question_segments",
        sa.Column("question", _NUMBER, nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("segment", _NUMBER, nullable=False),
        sa.ForeignKeyConstraint(["question"], ["questions.number"], name=op.f("fk_question_segments_question")),
        sa.ForeignKeyConstraint(["segment"], ["segments.number"], name=op.f("fk_question_segments_segment")),
        sa.PrimaryKeyConstraint("question", "place", name=op.f("pk_question_segments")),
    )
    op.create_index(op.f("ix_question_segments_segment"), "question_segments", ["segment"], unique=False)
    op.create_table(
        "raters",
        sa.Column("number", _NUMBER, sa.Identity(always=False), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("study", _NUMBER, nullable=False),
        sa.Column("invitation", _NUMBER, nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("participant", sa.Text(), nullable=True),
        sa.Column("joined_at", _REAL, nullable=True),
        sa.Column("consented_at", _REAL, nullable=True),
        sa.Column("excluded", sa.Boolean(), nullable=False),
        sa.Column("withdrawn", sa.Boolean(), nullable=False),
        sa.Column("num_withdrawn", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["invitation"], ["invitations.number"], name=op.f("fk_raters_invitation")),
        sa.ForeignKeyConstraint(["study"], ["studies.number"], name=op.f("fk_raters_study")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_raters")),
        sa.UniqueConstraint("id", name=op.f("uq_raters_id")),
        sa.UniqueConstraint("study", "name", name=op.f("uq_raters_study_name")),
        sa.UniqueConstraint("study", "ordinal", name=op.f("uq_raters_study_ordinal")),
        sa.UniqueConstraint("study", "participant", name=op.f("uq_raters_study_participant")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "assignments",
        sa.Column("number", _NUMBER, sa.Identity(always=False), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("study", _NUMBER, nullable=False),
        sa.Column("question", _NUMBER, nullable=False),
        sa.Column("rater", _NUMBER, nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("repeat", sa.Integer(), nullable=False),
        sa.Column("shown_order", sa.Text(), nullable=False),
        sa.Column("lease_until", _REAL, nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["question"], ["questions.number"], name=op.f("fk_assignments_question")),
        sa.ForeignKeyConstraint(["rater"], ["raters.number"], name=op.f("fk_assignments_rater")),
        sa.ForeignKeyConstraint(["study"], ["studies.number"], name=op.f("fk_assignments_study")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_assignments")),
        sa.UniqueConstraint("id", name=op.f("uq_assignments_id")),
        sa.UniqueConstraint("question", "rater", "repeat", name=op.f("uq_assignments_question_rater_repeat")),
        sa.UniqueConstraint("rater", "slot", name=op.f("uq_assignments_rater_slot")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_assignments_study_outcome"), "assignments", ["study", "outcome"], unique=False)
    op.create_table(
        "logins",
        sa.Column("number", _NUMBER, sa.Identity(always=False), nullable=False),
        sa.Column("rater", _NUMBER, nullable=False),
        sa.Column("token_sha256", sa.Text(), nullable=False),
        sa.Column("opened_at", _REAL, nullable=False),
        sa.ForeignKeyConstraint(["rater"], ["raters.number"], name=op.f("fk_logins_rater")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_logins")),
        sa.UniqueConstraint("token_sha256", name=op.f("uq_logins_token_sha256")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_logins_rater"), "logins", ["rater"], unique=False)
    op.create_table(
        "events",
        sa.Column("number", _NUMBER, sa.Identity(always=False), nullable=False),
        sa.Column("study", _NUMBER, nullable=False),
        sa.Column("rater", _NUMBER, nullable=False),
        sa.Column("assignment", _NUMBER, nullable=True),
        sa.Column("question", _NUMBER, nullable=True),
        sa.Column("repeat", sa.Integer(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("statement", sa.Text(), nullable=False),
        sa.Column("seconds", _REAL, nullable=False),
        sa.Column("provenance", sa.Text(), nullable=False),
        sa.Column("at", _REAL, nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["assignment"], ["assignments.number"], name=op.f("fk_events_assignment")),
        sa.ForeignKeyConstraint(["question"], ["questions.number"], name=op.f("fk_events_question")),
        sa.ForeignKeyConstraint(["rater"], ["raters.number"], name=op.f("fk_events_rater")),
        sa.ForeignKeyConstraint(["study"], ["studies.number"], name=op.f("fk_events_study")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_events")),
        sa.UniqueConstraint("rater", "client_id", name=op.f("uq_events_rater_client_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_events_assignment"), "events", ["assignment"], unique=False)
    op.create_index(op.f("ix_events_question_rater"), "events", ["question", "rater"], unique=False)
    op.create_index(op.f("ix_events_study_number"), "events", ["study", "number"], unique=False)
