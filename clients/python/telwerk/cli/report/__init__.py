"""`telwerk report`: a page about an account for people who have no Telwerk at hand."""
