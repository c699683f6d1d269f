"""What the notebooks import: their start, and the checks of their exercises."""
