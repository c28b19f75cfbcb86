"""The rules for the agent's Helm values."""

from __future__ import annotations

from dagster_plus_k8s_helpers.findings.finding import Rule, Severity

__all__ = [
    "DEPLOYMENT_TWICE",
    "ENV_TWICE",
    "ENV_WITHOUT_VALUE",
    "INVALID_VALUE",
    "LATER_DOCUMENT",
    "LOG_MANAGER",
    "MISPLACED_KEY",
    "NOT_VALUES",
    "NO_SUCH_FIELD",
    "OTHER_CHARTS_KEY",
    "QUANTITY",
    "RESOURCES_WITHOUT_SIDE",
    "TOKEN_IN_FILE",
    "TOKEN_TWICE",
    "VALUES_RULES",
]

INVALID_VALUE = Rule(
    "DPK201",
    Severity.ERROR,
    "The chart, Kubernetes or Dagster+ refuses the value, or reads it otherwise than it was meant.",
    "write a value that Kubernetes and Dagster take",
)
QUANTITY = Rule(
    "DPK202",
    Severity.ERROR,
    "Kubernetes refuses the quantity, when the pod is made and not before.",
    "write an amount such as 500m of CPU or 2Gi of memory",
)
RESOURCES_WITHOUT_SIDE = Rule(
    "DPK203",
    Severity.ERROR,
    "Amounts stand under limits or requests; the chart's own comments leave these out.",
    "put the amounts under limits",
)
NO_SUCH_FIELD = Rule(
    "DPK204",
    Severity.ERROR,
    "Kubernetes or the chart has no such field here, and refuses what it does not know.",
    "write the field that was meant, or delete this one",
)
MISPLACED_KEY = Rule(
    "DPK205",
    Severity.ERROR,
    "Helm ignores a key that stands in the wrong section.",
    "move the key to the section that has it",
)
TOKEN_TWICE = Rule(
    "DPK206",
    Severity.ERROR,
    "Of an agent token and the Secret of one only one counts.",
    "keep agentTokenSecretName and delete agentTokenValue",
)
TOKEN_IN_FILE = Rule(
    "DPK207",
    Severity.WARNING,
    "A token in the values can be read in the file, in the release and in the description of every pod.",
    "put the token into a Secret and name that in agentTokenSecretName",
)
DEPLOYMENT_TWICE = Rule(
    "DPK208",
    Severity.ERROR,
    "Dagster+ wants the deployments of an agent in one place.",
    "keep deployments, and delete deployment",
)
ENV_TWICE = Rule(
    "DPK209",
    Severity.ERROR,
    "Of two environment variables of one name only the last counts.",
    "keep one of the two",
)
ENV_WITHOUT_VALUE = Rule(
    "DPK210",
    Severity.ERROR,
    "A bare name in envVars takes the value that the agent's own environment has, and fails when it has "
    "none; an entry of env that has a name only is empty text.",
    "write NAME=value, or give the agent the variable in dagsterCloudAgent.env or envFrom",
)
LOG_MANAGER = Rule(
    "DPK211",
    Severity.ERROR,
    "A compute log manager needs a module, a class and a config.",
    "write all three; an empty config is {}",
)
LATER_DOCUMENT = Rule(
    "DPK212",
    Severity.ERROR,
    "Helm reads the first document of a values file and ignores the others without a word.",
    "put everything into one document, or the other documents into files of their own",
)
NOT_VALUES = Rule(
    "DPK213", Severity.ERROR, "A values file is one mapping.", "write keys such as dagsterCloud and workspace"
)

OTHER_CHARTS_KEY = Rule(
    "DPK214",
    Severity.ERROR,
    "A block of the chart dagster, which is for Dagster without Dagster+; the agent's chart ignores it.",
    "delete it; Dagster+ does what it is for",
)

VALUES_RULES = (
    INVALID_VALUE,
    QUANTITY,
    RESOURCES_WITHOUT_SIDE,
    NO_SUCH_FIELD,
    MISPLACED_KEY,
    TOKEN_TWICE,
    TOKEN_IN_FILE,
    DEPLOYMENT_TWICE,
    ENV_TWICE,
    ENV_WITHOUT_VALUE,
    LOG_MANAGER,
    LATER_DOCUMENT,
    NOT_VALUES,
    OTHER_CHARTS_KEY,
)
