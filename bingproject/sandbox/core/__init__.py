"""The parts that all stand-ins share: options, state, scenarios, the control endpoint."""
