"""Hyperparameter presets: one JSON file per network, named for what it trains; `demo.json` is the demo's."""
