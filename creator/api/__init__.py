"""The creator's HTTP routes: views, serializers, OpenAPI."""
