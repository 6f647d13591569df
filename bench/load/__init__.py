"""The load benchmark: the gateway and nginx doing the same work, in turn, in one run. Start with `run.py`."""
