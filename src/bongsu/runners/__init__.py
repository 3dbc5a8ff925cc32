"""Where the GROUP BY runs: a table of events in, cells out; every runner gives the same integers."""
