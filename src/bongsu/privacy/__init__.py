"""What stands in for personal data, and where the originals lie sealed."""
