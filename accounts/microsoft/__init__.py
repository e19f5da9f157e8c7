"""The Microsoft accounts that requests are sent as: credentials, checks, leases, token renewal."""
