"""Questions to people and judges, and their answers as append-only events, in SQLite or PostgreSQL."""
