"""What an examination says: one finding per check, with the mend where there is one.

Findings travel to terminals, logs and scripts. Whatever they quote, an exchange's words or a path, is
made harmless, and what the environment holds as a secret is taken out, whoever put it in.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence

from tradectl.config.places import secrets_in
from tradectl.documents.operations import DoctorReport, Finding, Verdict
from tradectl.domain.redaction import Redaction
from tradectl.domain.text import harmless

FEW = 6


def passed(check: str, message: str) -> Finding:
    return Finding(check, Verdict.PASSED, message)


def warned(check: str, message: str, mend: str = "") -> Finding:
    return Finding(check, Verdict.WARNED, message, mend)


def failed(check: str, message: str, mend: str = "") -> Finding:
    return Finding(check, Verdict.FAILED, message, mend)


def few(items: Sequence[str]) -> str:
    """The first of them, and how many more there are."""
    more = f" and {len(items) - FEW} more" if len(items) > FEW else ""
    return ", ".join(items[:FEW]) + more


def report_of(findings: Sequence[Finding]) -> DoctorReport:
    return DoctorReport(ok=is_fit(findings), findings=list(findings))


def is_fit(findings: Iterable[Finding]) -> bool:
    """Nothing failed."""
    return all(finding.verdict is not Verdict.FAILED for finding in findings)


def shown(findings: Iterable[Finding], environ: Mapping[str, str] | None = None) -> list[Finding]:
    """The findings as they may be shown: harmless, and without any secret of `environ`."""
    redaction = Redaction(secrets_in(os.environ if environ is None else environ))
    return [
        Finding(
            _clean(finding.check, redaction),
            finding.verdict,
            _clean(finding.message, redaction),
            _clean(finding.mend, redaction),
        )
        for finding in findings
    ]


def _clean(text: str, redaction: Redaction) -> str:
    return harmless(redaction.clean(text))


__all__ = ["failed", "few", "is_fit", "passed", "report_of", "shown", "warned"]
