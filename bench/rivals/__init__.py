"""Other gateways under the same load: `python -m bench.rivals.run`. Optional; installs them on first use."""
