"""Bing Chat as it was in 2023 and 2024."""
