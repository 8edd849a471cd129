"""Flows of applications."""
