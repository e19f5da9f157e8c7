"""A stand-in for Bing's servers, for the demo and the tests; it imports nothing of the rest of the project."""
