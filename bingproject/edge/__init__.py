"""ASGI code that runs before Django: access, limits, static files, threads, health."""
