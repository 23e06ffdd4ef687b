"""What the exercises call: each check compares an answer with an independent reference and names the mistake."""
