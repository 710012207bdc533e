"""Slices: the rows of a measure in a period, and their counts, as a query reads them."""
