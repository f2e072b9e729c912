"""User operations."""
