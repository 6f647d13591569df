"""Single functions beside their rivals, by pytest-benchmark. `conftest.py` holds the ratios against `budgets.toml`."""
