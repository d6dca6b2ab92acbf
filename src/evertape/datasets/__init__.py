"""One file a dataset: its records, what makes it due, what makes a row unsound."""
