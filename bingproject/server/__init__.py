"""What `manage.py serve` does: supervisor, bootstrap, demo."""
