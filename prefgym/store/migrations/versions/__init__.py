"""One file a version: what it changes in the tables of the version before."""
