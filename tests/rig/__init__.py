"""What kill tests and benchmarks share: the real server as processes, throw-away servers, a load, counts."""
