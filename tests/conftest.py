"""What all tests share: hypothesis looks for counterexamples, not for a machine that was busy."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("tradectl", deadline=None)
settings.load_profile("tradectl")
