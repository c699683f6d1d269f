"""The loop that every method runs in: one edit, or several in one batch."""
