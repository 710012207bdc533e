"""A server that lives for hours under an even load: what it holds and what it takes must stay as it was."""
