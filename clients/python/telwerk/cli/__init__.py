"""The `telwerk` command. Needs the extra `cli`: `pip install 'telwerk[cli]'`."""
