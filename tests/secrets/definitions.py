"""What a code location would define; without string annotations, as Dagster reads the types."""

import dagster as dg

from dagster_plus_k8s_helpers.secrets import SecretsResource


class Warehouse(dg.ConfigurableResource):
    secrets: SecretsResource

    def connect(self) -> str:
        user, password = self.secrets.get("contract#user"), self.secrets.get("contract#password")
        return f"connected as {user.reveal()} with {password.reveal()}"


@dg.asset
def orders(warehouse: Warehouse) -> str:
    return warehouse.connect()
