"""What a notebook shows: lessons and, over the library's public names only, widgets."""
