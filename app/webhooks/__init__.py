"""The doors of 3CX and of Meta."""
