"""django-q2 made safe unattended, and the registry of the processes that share a database."""
