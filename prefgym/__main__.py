"""`python -m prefgym` is the command line."""

from prefgym.cli import main

main()
