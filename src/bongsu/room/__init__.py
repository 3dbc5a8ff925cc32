"""The control room: the one writer, the workers that act for it, and the desk where people ask."""
