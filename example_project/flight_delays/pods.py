"""Every size of pod in this project, in one place: what a cluster must offer can be read off here."""

from dagster_plus_k8s_helpers import K8sConfig, Resources, Volume, gpu, spot

PLATFORM = "gke"
"""Whose node labels and taints `gpu` and `spot` use: also ``eks``, ``eks-auto``, ``karpenter``, ``aks``."""

RUN = K8sConfig(resources=Resources(cpu="250m", memory="512Mi"))
"""A run's own pod, which only starts the steps' pods and waits for them."""

SMALL = K8sConfig(resources=Resources(cpu="500m", memory="1Gi"))
"""Steps that read a table and sum up, or wait for something else."""

LARGE = K8sConfig(resources=Resources(cpu="1", memory="4Gi"))
"""Joins, which hold both sides and the result in memory at once."""

TRAIN = (
    K8sConfig(resources=Resources(cpu=("2", "4"), memory="8Gi")) | gpu(1, platform=PLATFORM) | spot(PLATFORM)
)
"""Training: one GPU, on a preemptible node because a lost hour of training is repeated and costs little."""

SCRIPT = K8sConfig(resources=Resources(cpu="1", memory="512Mi"), labels={"component": "script"})
"""Scripts outside Dagster; they stream their input, so they need a CPU and next to no memory."""

STORAGE_PATH = "/storage"

STORAGE = K8sConfig(
    volumes=[
        Volume.persistent_volume_claim("flight-delays-storage", STORAGE_PATH),
    ],
    pod_security_context={"fs_group": 1000},  # lets the image's user, who is not root, write to it
)
"""What every step pod has besides: the disk on which one step leaves its output for the next."""
