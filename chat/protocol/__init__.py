"""Chat back ends as pure functions and one small state machine each: values → requests, frames → events or errors.

Nothing here reads a clock, a setting or a socket.
"""
