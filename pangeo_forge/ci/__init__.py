"""Automation: which recipes a change touches, which feedstocks are due, and what is done about it."""
