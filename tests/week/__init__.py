"""A week of a live trader, in virtual time: what happens in it, who lives through it, and what must be so
at its end."""
