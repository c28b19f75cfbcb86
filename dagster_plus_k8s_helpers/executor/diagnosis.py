"""`diagnose`, under the path that it was released with."""

from dagster_plus_k8s_helpers.diagnosis.diagnose import Diagnosis, DiagnosisKind, diagnose

__all__ = ["Diagnosis", "DiagnosisKind", "diagnose"]
