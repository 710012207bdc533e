"""The catalogue of KPIs: specifications and texts."""
