"""What a query reads of each KPI: rows of a measure in a period, and what is counted in them."""
