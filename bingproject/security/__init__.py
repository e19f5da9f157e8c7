"""Encryption at rest, key rotation, second factor, roles, log redaction."""
