"""How fast the package is, beside others, on this machine."""
