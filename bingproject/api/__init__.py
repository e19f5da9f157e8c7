"""DRF glue: viewset base classes, contracts, request bodies and headers, OpenAPI."""
