import dagster as dg
from dagster_plus_k8s_helpers import k8s_executor, k8s_tags


@dg.asset
def train() -> None: ...


nightly = dg.define_asset_job("nightly", tags=k8s_tags(cpu=1))
defs = dg.Definitions(assets=[train], jobs=[nightly], executor=k8s_executor(max_concurrent=2))
