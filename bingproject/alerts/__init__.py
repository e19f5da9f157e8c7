"""Find what operators should know, and notify them."""
