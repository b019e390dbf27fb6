"""A sweep: networks of several precisions, seeds and folds, trained alike and compared on the same lines."""
