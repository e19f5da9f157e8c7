"""Kill tests: a load of generations while processes of the real system are killed or stopped at random moments."""
