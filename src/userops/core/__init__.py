"""The kernel: frames, time, money, the sticky hash and definitions. Everything above builds on it."""
