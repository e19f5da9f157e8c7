"""The server as a person sees it: a real Chromium against `manage.py serve` and its sandbox."""
