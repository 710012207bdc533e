"""The KPIs: what they are, and what they are called."""
