"""`python -m prefgym` is the command line."""

from prefgym.cli.main import main

main()
