"""A study over precision and size: Optuna trials, trained and measured."""
