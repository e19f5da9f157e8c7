"""Tests of the chat routes."""
