"""`python -m telwerkd`, and the command `telwerkd`."""

from telwerkd.cli.__main__ import main

if __name__ == "__main__":
    main()
