"""The help texts of the rates, one module per language. `values` stays empty: a row's value is one of the KPI above."""
