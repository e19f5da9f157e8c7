"""Read, type and check settings."""
