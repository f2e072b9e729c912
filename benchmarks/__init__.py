"""Ratios between userops and what one would write or use without it, side by side."""
