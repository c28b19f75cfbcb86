"""Secrets for steps: from Vault, AWS Secrets Manager, files and the environment, behind one set of calls.

Every public name is imported on first use, so that what needs hvac or boto3 costs nothing before.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

OPEN = (
    "deadline",
    "errors",
    "fetched",
    "redact",
    "ref",
    "resource",
    "value",
)
"""The modules of it that other rooms may use, beside what it says itself."""
