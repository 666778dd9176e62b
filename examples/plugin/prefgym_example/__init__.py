"""Parts for prefgym, found by the entry points of pyproject.toml."""
