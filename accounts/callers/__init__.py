"""Callers of the API: users, API keys, the whitelist, quotas, rate limits and DRF policies."""
