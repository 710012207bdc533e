"""`python -m telwerk.cli` is the `telwerk` command."""

from telwerk.cli.main import main

if __name__ == "__main__":
    main()
