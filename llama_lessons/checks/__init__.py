"""What lessons check: this machine, and each exercise against an independent reference that names the mistake."""
