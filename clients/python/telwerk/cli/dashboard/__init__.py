"""`telwerk dashboard`: an account on a terminal, as it is now."""
