"""The true return of policies, and trained experts."""
