"""The admin site: base classes, dashboard, audit log, pages of users and alerts."""
