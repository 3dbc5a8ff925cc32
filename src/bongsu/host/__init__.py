"""One machine: its data folder, its keys, its processes, what they write."""
