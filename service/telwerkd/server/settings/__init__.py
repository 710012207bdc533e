"""The settings of a server: what each is, where it comes from, and what is wrong with it."""
