"""The rules for dagster_cloud.yaml, container_context.yaml and build.yaml."""

from __future__ import annotations

from dagster_plus_k8s_helpers.findings.finding import Rule, Severity

__all__ = [
    "ABOVE_MERGED_LIMIT",
    "AMOUNT_OUTSIDE_LIMITS",
    "BARE_ENV_VAR",
    "DEFAULT_WITH_EQUALS_SIGN",
    "DUPLICATE_ENV_VAR",
    "DUPLICATE_LOCATION",
    "LATER_DOCUMENT",
    "LOCATION_RULES",
    "LOST_MOUNT",
    "LOST_SHALLOW",
    "MISPLACED_KEY",
    "QUEUE_NOT_SERVED",
    "REFUSED_KEY",
    "SHARED_ENV_VARS",
    "WRONG_VALUE",
]

WRONG_VALUE = Rule(
    "DPK301",
    Severity.ERROR,
    "Dagster+, Dagster or Kubernetes refuses the value, some of them not before the location is deployed.",
    "write a value that Kubernetes and Dagster take",
)
REFUSED_KEY = Rule(
    "DPK302",
    Severity.NOTICE,
    "A key that Dagster+ and dagster_k8s are not known to read; a version that does not know it refuses the "
    "whole file.",
    "delete the key, or make sure that your version of Dagster+ reads it",
)
MISPLACED_KEY = Rule(
    "DPK303",
    Severity.ERROR,
    "The key exists, but at another level; Dagster+ refuses the file.",
    "move the key to where it is read",
)
AMOUNT_OUTSIDE_LIMITS = Rule(
    "DPK304",
    Severity.ERROR,
    "Kubernetes knows amounts as limits and as requests only.",
    "put the amounts under limits, requests or both",
)
DUPLICATE_LOCATION = Rule(
    "DPK305",
    Severity.ERROR,
    "Dagster+ tells code locations apart by their names and refuses the file.",
    "give each location a name of its own",
)
DUPLICATE_ENV_VAR = Rule(
    "DPK306",
    Severity.ERROR,
    "Of two environment variables of one name in a container Kubernetes takes the last; the merging of "
    "defaults appends lists, so that which one is last is easily overlooked.",
    "keep one of the two",
)
BARE_ENV_VAR = Rule(
    "DPK307",
    Severity.WARNING,
    "A bare KEY is read from the environment of the process that resolves it: the agent for code servers "
    "and runs, the run pod for steps. Where it is not set, nothing starts: an error when the agent's values "
    "are given and set none. An entry of env that has a name only is empty text.",
    "write KEY=VALUE, name a Secret in env_secrets, or give the agent's values with the file",
)
DEFAULT_WITH_EQUALS_SIGN = Rule(
    "DPK308",
    Severity.ERROR,
    "Dagster+ splits the env_vars of defaults at every equals sign when a location has env_vars too, and "
    "raises when there is more than one.",
    "move the variable to env, as a name and a value",
)
LOST_SHALLOW = Rule(
    "DPK310",
    Severity.WARNING,
    "For runs without a dagster-k8s/config tag Dagster merges this in depth, whatever is written here; step "
    "pods honour it.",
    "set merge_behavior in the tags of the job as well, or do without it",
)
LOST_MOUNT = Rule(
    "DPK311",
    Severity.ERROR,
    "When defaults and a location both have volume_mounts, Dagster+ keeps one mount for each volume.",
    "mount the volume once, or write the mounts in run_k8s_config and server_k8s_config",
)
QUEUE_NOT_SERVED = Rule(
    "DPK312",
    Severity.ERROR,
    "A code location whose queue no agent reads never loads.",
    "add the queue to the agentQueues of an agent, or name a queue that one serves",
)
LATER_DOCUMENT = Rule(
    "DPK313",
    Severity.ERROR,
    "Dagster+ refuses a file with more than one document.",
    "put everything into one document, or the other documents into files of their own",
)
ABOVE_MERGED_LIMIT = Rule(
    "DPK314",
    Severity.ERROR,
    "Merging the defaults puts a request above its limit; Kubernetes refuses the pod.",
    "write the request and the limit in one place",
)

SHARED_ENV_VARS = Rule(
    "DPK340",
    Severity.WARNING,
    "dagster_k8s reads env_vars beside k8s (dagster._core.container_context), and plan has them; "
    "the agent's own schema of a location (dagster_cloud.workspace.config_schema) has none.",
    "write the variables in env_vars of k8s, which both read",
)

LOCATION_RULES = (
    WRONG_VALUE,
    REFUSED_KEY,
    MISPLACED_KEY,
    AMOUNT_OUTSIDE_LIMITS,
    DUPLICATE_LOCATION,
    DUPLICATE_ENV_VAR,
    BARE_ENV_VAR,
    DEFAULT_WITH_EQUALS_SIGN,
    LOST_SHALLOW,
    LOST_MOUNT,
    QUEUE_NOT_SERVED,
    LATER_DOCUMENT,
    ABOVE_MERGED_LIMIT,
    SHARED_ENV_VARS,
)
