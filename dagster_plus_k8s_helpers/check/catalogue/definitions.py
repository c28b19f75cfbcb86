"""The rules for definitions and for what is planned of them."""

from __future__ import annotations

from dagster_plus_k8s_helpers.findings.finding import Rule, Severity

__all__ = ["PLAN_RULES"]

_ERROR, _WARNING = Severity.ERROR, Severity.WARNING

CANNOT_PLAN = Rule(
    "DPK500",
    _ERROR,
    "Dagster itself refuses the settings: a run of the job, or one of its steps, would not launch.",
    "write what Dagster takes; the message names the layer",
)
OP_TAGS_IGNORED = Rule(
    "DPK501",
    _WARNING,
    "Only an executor that gives each step a Kubernetes pod reads the Kubernetes settings in op tags; any "
    "other ignores them without a word.",
    "use k8s_executor() for the job, or size the run's pod with the job's tags",
)
REQUEST_ABOVE_LIMIT = Rule(
    "DPK502",
    _ERROR,
    "Kubernetes refuses a container that requests more than its limit; each layer may be right alone.",
    "set the request and the limit in the same layer",
)
DUPLICATE_ENV = Rule(
    "DPK503",
    _ERROR,
    "Dagster appends the lists of all layers. Of two variables of one name Kubernetes takes the last.",
    "keep one of the two; an upper layer cannot take out what a lower one says",
)
DUPLICATE_NAME = Rule(
    "DPK504",
    _ERROR,
    "Dagster appends the lists of all layers; Kubernetes refuses a pod in which two volumes or containers "
    "share a name, or two mounts a path.",
    "keep one of the two, or give them different names",
)
JOB_TAGS_NOT_FOR_STEPS = Rule(
    "DPK505",
    _WARNING,
    "Tags of a job are for the run's own pod. Its steps, in pods of their own, never see them.",
    "put the resources into op_tags of the step, or into step_config of the executor",
)
ONLY_IN_THIS_JOB = Rule(
    "DPK506",
    _WARNING,
    "Materializing in the UI, backfills and automation run the implicit asset job, which has none of the "
    "tags of a job.",
    "put what every run needs into run_k8s_config of the code location",
)
TAGS_LOST_TO_RUN_TAGS = Rule(
    "DPK507", _ERROR, "Where a job has run_tags, its tags do not reach its runs.", "move them to run_tags"
)
GPU_FROM_BELOW = Rule(
    "DPK508",
    _WARNING,
    "A GPU in a layer below the op tags goes to every pod, needed or not, and DEEP merging cannot take "
    "it away.",
    "ask for the GPU in op_tags of the steps that need it",
)
GPU_NOT_TOLERATED = Rule(
    "DPK509",
    _ERROR,
    "Nodes with GPUs are tainted as a rule; a pod that does not tolerate the taint waits for ever.",
    "add the toleration; gpu() sets it together with the limit and the node selector",
)
TOLERATION_WITHOUT_GPU = Rule(
    "DPK510",
    _WARNING,
    "A pod that tolerates the taint of GPU nodes and asks for no GPU can take up the place of one that does.",
    "ask for a GPU, or leave the toleration out",
)
FITS_NOWHERE = Rule(
    "DPK511",
    _ERROR,
    "A pod that fits no node stays pending, and Dagster takes a pending step for a healthy one.",
    "ask for less, or for nodes that the cluster has",
)
UNKNOWN_KEY = Rule(
    "DPK512",
    _ERROR,
    "Dagster ignores a key it does not know at the top, and refuses one further in when the pod is launched.",
    "correct the key or delete it",
)
WRONG_CASE = Rule(
    "DPK513",
    _ERROR,
    "Dagster knows the sections of dagster-k8s/config in snake_case only and ignores them in camelCase.",
    "write the section in snake_case",
)
MISSPELT_TAG = Rule(
    "DPK514", _WARNING, "A tag that nobody reads has no effect.", "correct the key of the tag"
)
REFUSED_VALUE = Rule(
    "DPK515",
    _ERROR,
    "Kubernetes or Dagster refuses the value, and not before the pod is launched.",
    "write a value that Kubernetes and Dagster take",
)
OVERWRITTEN = Rule("DPK516", _ERROR, "Dagster sets this itself and overwrites what you say.", "leave it out")
AGAINST_SCHEMA = Rule(
    "DPK517",
    _ERROR,
    "The API server of this Kubernetes version refuses the Job or drops the field.",
    "write what this version of Kubernetes takes",
)
NOT_ALLOWED = Rule(
    "DPK518",
    _ERROR,
    "The agent launches nothing that sets a field outside its onlyAllowUserDefinedK8sConfigFields.",
    "leave the field out, or allow it in the agent's values",
)
ALLOWLIST_EVADED = Rule(
    "DPK519",
    _WARNING,
    "The agent applies its allowlist to code locations and run tags. It does not see what the run's pod asks "
    "for its steps: this passes, against what the list is there for.",
    "leave the field out, or allow it in the agent's values",
)
BACKOFF = Rule(
    "DPK520",
    _ERROR,
    "Kubernetes starts a failed pod again, which Dagster refuses to run a second time: a retry is Dagster's.",
    "leave backoff_limit out and give the op a RetryPolicy",
)
SHORT_TTL = Rule(
    "DPK521",
    _WARNING,
    "Dagster looks at the Jobs of steps every 20 seconds; one that Kubernetes has removed by then is lost.",
    "keep finished Jobs for a minute at least; a day is Dagster's default",
)
SHORT_DEADLINE = Rule(
    "DPK522",
    _WARNING,
    "A deadline counts while a pod waits for a node or its image, and so runs out before the start timeout "
    "can say what happened.",
    "set a longer deadline, or the tag dagster/max_runtime, which counts from the start of the run",
)
LIMIT_ABOVE_NODE = Rule(
    "DPK523",
    _WARNING,
    "A container cannot use more memory than its node has: the node runs out first, and pods are evicted.",
    "set the limit to what a node can give",
)
REQUEST_FAR_BELOW_NODE = Rule(
    "DPK524",
    _WARNING,
    "The scheduler packs a node by requests. Of such pods it packs as many as a node may have at all, and "
    "they may then use more CPU than the node has.",
    "request the CPU that the step needs on average",
)
UNBOUNDED = Rule(
    "DPK525",
    _WARNING,
    "Without max_concurrent a run starts every step that is ready, all at once.",
    "set max_concurrent of the executor",
)
TOO_MANY_PROCESSES = Rule(
    "DPK526",
    _WARNING,
    "More processes than the run's pod has CPUs slow each other down, and share its memory.",
    "set max_concurrent of the executor to the CPU limit, or raise the limit",
)
LITERAL_CREDENTIAL = Rule(
    "DPK527",
    _ERROR,
    "Definitions lie in git, and tags pass through the control plane of Dagster+ and are shown in its UI.",
    "put it into a Kubernetes Secret and refer to that with SecretKeyRef or env_from",
)
SHALLOW_LOSES = Rule(
    "DPK528",
    _WARNING,
    "With merge_behavior SHALLOW each field that the layer writes takes the place of the whole field below: "
    "a mapping loses the keys that are not written again. (A list written anew is what SHALLOW is for, and "
    "is not warned of.) Run tags do it to what the code location writes, too, which then loses the agent's.",
    "repeat what is to be kept, or leave merge_behavior out",
)
BARE_VARIABLE = Rule(
    "DPK529",
    _ERROR,
    "A bare KEY in the executor's env_vars is read in the run's pod; where it is not set there, no step "
    "starts.",
    "write KEY=VALUE, or leave it to a Secret that env_secrets names",
)
BAD_WAIVER = Rule(
    "DPK530",
    _ERROR,
    "Whoever reads a waiver needs to know of what it is, and why.",
    "write {CODE: reason} under dagster-plus-k8s/ignore, with a code of this page",
)

UNKNOWN_OP = Rule(
    "DPK540",
    _ERROR,
    "per_step_k8s_config goes by the names of ops; what it says of one that no job with this executor has "
    "reaches no pod.",
    "write the name of the op, which for an asset a/b is a__b",
)
NOT_OUR_EXECUTOR = Rule(
    "DPK541",
    _WARNING,
    "Only k8s_executor() of this package reads these op tags; any other executor ignores them without a "
    "word.",
    "use k8s_executor() for the job, or leave the tag out",
)
VARIABLE_DROPPED = Rule(
    "DPK542",
    _ERROR,
    "The agent takes every variable away that its onlyAllowUserDefinedEnvVars does not name, and says so in "
    "its own log only.",
    "name the variable in onlyAllowUserDefinedEnvVars of the agent's values, or leave it out",
)
UNUSED_WAIVER = Rule(
    "DPK543", _WARNING, "A waiver of what is not found hides what may come later.", "delete the waiver"
)
PIPES_WITHOUT_RESOURCES = Rule(
    "DPK531",
    _WARNING,
    "No layer reaches a pod that an asset starts itself: without resources of its own it is the first to be "
    "evicted, and takes what it can get.",
    "write base_pod_spec=K8sConfig(resources=...).pod_spec()",
)
NOT_IN_CLUSTER = Rule(
    "DPK532",
    _ERROR,
    "A pod that names a namespace, Secret, ConfigMap, service account, claim or class that is not there does "
    "not start.",
    "make it, add it to extraManifests of the agent's values, or correct the name",
)
NOT_PROVIDED = Rule(
    "DPK533",
    _WARNING,
    "What the agent's values neither make nor name somebody has to make in every cluster the location runs "
    "in; where nobody has, its pods do not start.",
    "check with --cluster, name it in the agent's values, or waive this with where it comes from",
)
KEY_NOT_IN_CLUSTER = Rule(
    "DPK570",
    _ERROR,
    "A container that reads a key which its Secret or ConfigMap does not have is not started, and waits for "
    "it for ever.",
    "add the key to the object, or correct the name of the key",
)
REFUSED_BY_CLUSTER = Rule(
    "DPK571",
    _ERROR,
    "An API server, admission webhook, policy, LimitRange or quota of this cluster refuses it. A Job "
    "that is refused starts nothing; one whose pod is refused waits for ever.",
    "write what the cluster takes, or have whoever runs the cluster allow it",
)
QUOTA_USED_UP = Rule(
    "DPK572",
    _WARNING,
    "The namespace has a quota that would take the pod, and whose rest is too small for it now; until "
    "something else ends, its Job waits without a pod.",
    "wait, ask for less, or raise the quota",
)
NOT_SAID_BY_CLUSTER = Rule(
    "DPK534",
    _WARNING,
    "What may not be read cannot be checked.",
    "check as a user who may get these objects",
)
UNKNOWN_SETTING = Rule(
    "DPK580",
    _ERROR,
    "Dagster launches no run of a job whose executor is given a setting that it does not have.",
    "write a setting that the executor has; what is for the pods of steps goes into step_k8s_config",
)
MISPLACED_CONFIG = Rule(
    "DPK581",
    _WARNING,
    "Dagster reads the settings of pods in the tags of ops, jobs and runs; in metadata, in the config of an "
    "op or on a graph inside a job nobody reads them.",
    "write op_tags=... at an asset, tags=... at an op or a job",
)
LOST_CONFIG = Rule(
    "DPK582",
    _WARNING,
    "All configs have the same tag: of two in one dictionary the last takes the place of the first as a "
    "whole, and what the first says is lost without a word.",
    "merge the configs and not their tags: (a | b).tags",
)
GENERAL_OVER_SPECIFIC = Rule(
    "DPK550",
    _WARNING,
    "What stands at the top of container_context.k8s is for code servers and runs both. The code location is "
    "a later layer than the agent, so that it wins even over what the agent has for runs, or for code "
    "servers, alone.",
    "write it under run_k8s_config or server_k8s_config, for the pods that it is meant for",
)

PLAN_RULES: tuple[Rule, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Rule))
