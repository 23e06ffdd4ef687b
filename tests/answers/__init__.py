"""Answers that learners try: one file for each exercise, with right ones written another way, and wrong ones."""
