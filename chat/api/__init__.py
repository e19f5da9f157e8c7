"""Chat's HTTP routes: views, serializers, OpenAPI."""
