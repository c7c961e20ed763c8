"""Faults under load, the history they leave, and the checker that reads it."""
