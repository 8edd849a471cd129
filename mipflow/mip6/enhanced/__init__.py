"""enhanced."""
