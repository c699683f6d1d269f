"""Interactive widgets over the library's public names."""
