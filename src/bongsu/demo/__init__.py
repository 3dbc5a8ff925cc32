"""The live example: a demo model, a story, and real traffic through the real gateway."""
