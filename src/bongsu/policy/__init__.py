"""One YAML file -> a typed policy, or every error in it with file, line and column."""
