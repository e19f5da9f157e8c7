"""The chat protocols as pure functions and one small state machine per turn.

Values become requests, frames become events or errors. Nothing here reads a clock, a setting or a socket.
"""
