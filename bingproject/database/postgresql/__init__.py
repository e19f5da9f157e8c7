"""Django's PostgreSQL backend with a limit for how long an answer may be waited for; named as ENGINE in settings."""
