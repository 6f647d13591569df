"""What the gateway costs, measured: `load` compares whole processes, `micro` functions, `rivals` other gateways."""
