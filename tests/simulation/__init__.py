"""A deterministic simulation of whole sweeps: virtual time, seeded faults, crashes, colleagues, and an oracle."""
