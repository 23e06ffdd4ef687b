"""From the Valley's base model to its assistant: the runs that make the shipped models, for `make weights`."""
