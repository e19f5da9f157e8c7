"""Microsoft 365 Copilot."""
