"""Consumer Copilot."""
