"""Worlds and scenarios, replay of captures: what a learner, a notebook and the command line use."""
