"""The true return of policies, and experts to compare with."""
