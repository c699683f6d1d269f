"""The course's diagrams, drawn by code: one style, light and dark, each with a title and a description."""
