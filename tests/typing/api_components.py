"""What type checkers know of the components, and of a project's own with values of this package in them."""

from dataclasses import dataclass
from typing import assert_type

import dagster as dg

from dagster_plus_k8s_helpers import EnvSecrets, K8sConfig, MemoryLadder, Resources, k8s_executor
from dagster_plus_k8s_helpers.components import K8sDefaultsComponent, K8sExecutorComponent, SecretsComponent

assert_type(K8sDefaultsComponent(config=K8sConfig(image="a"), selection="group:ml").config, K8sConfig)
assert_type(K8sExecutorComponent(default=k8s_executor()).default, dg.ExecutorDefinition | None)
assert_type(SecretsComponent(local=EnvSecrets()).resource, str)


@dataclass
class Nightly(dg.Component, dg.Resolvable):
    """A project's own."""

    pod: K8sConfig
    resources: Resources | None = None
    ladder: MemoryLadder = MemoryLadder()  # noqa: RUF009 - which nothing can change

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Nothing."""
        assert_type(self.pod, K8sConfig)
        return dg.Definitions()
