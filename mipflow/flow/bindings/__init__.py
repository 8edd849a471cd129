"""Bindings of flows."""
