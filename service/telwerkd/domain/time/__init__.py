"""Days, weeks and months in a time zone, as quarter-hours."""
