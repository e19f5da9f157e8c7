"""The only way out to the network: HTTP client, connection pool, response headers, recording."""
