"""Words everybody shares. No I/O in here."""
