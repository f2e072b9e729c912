"""The kernel: frames, time, money, sticky hash and definitions; all else builds on it."""
