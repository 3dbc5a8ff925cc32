"""What works on files, with no server: comparing, measuring, scanning, judging a recorded trace again."""
