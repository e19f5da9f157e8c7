"""Text columns, prepared SQL, indexes, statistics, PostgreSQL and Redis back ends."""
