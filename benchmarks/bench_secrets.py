"""Secrets: API calls, cold and warm reads, beside the libraries people use today, on the same servers."""

from __future__ import annotations

import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.results import Comparison, compared
from dagster_plus_k8s_helpers.secrets import AwsSecrets, VaultSecrets, VaultTokenAuth

# The servers are those of the tests, which are no package; run from anywhere, they are two folders up.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.secrets import servers
from tests.secrets.faults import FaultyProxy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECRETS = 40
THREADS = 64
REGION = "eu-west-1"


def main() -> None:
    """Print three small tables."""
    os.environ.update(
        AWS_ACCESS_KEY_ID="AKIABENCH",
        AWS_SECRET_ACCESS_KEY="bench",  # noqa: S106  (moto takes any)
        AWS_DEFAULT_REGION=REGION,
        PYTHONWARNINGS="ignore",
    )
    with servers.moto_server() as moto, servers.openbao_dev() as bao:
        many_aws_secrets(moto)
        warm_reads(moto, bao)
        cold_threads(bao)


def many_aws_secrets(moto: str) -> None:
    """40 secrets, cold, by three libraries. The first two make their client while the clock runs."""
    import aws_secretsmanager_caching
    import boto3
    from dagster_aws.secretsmanager import SecretsManagerResource, SecretsManagerSecretsResource

    names = [f"bench/{number}" for number in range(SECRETS)]
    client = boto3.client("secretsmanager", endpoint_url=moto, region_name=REGION)
    arns = [client.create_secret(Name=name, SecretString="x" * 64)["ARN"] for name in names]
    # SecretsManagerSecretsResource drops endpoint_url: only the environment points it at moto.
    os.environ["AWS_ENDPOINT_URL_SECRETS_MANAGER"] = moto

    ours = AwsSecrets(client=SecretsManagerResource(region_name=REGION, endpoint_url=moto))
    theirs = SecretsManagerSecretsResource(region_name=REGION)
    caching = aws_secretsmanager_caching.SecretCache(client=client)
    contenders = {
        "AwsSecrets.get_many": lambda: ours.get_many(names),
        "SecretsManagerSecretsResource.fetch_secrets": lambda: theirs.fetch_secrets(secrets=arns),
        "aws-secretsmanager-caching": lambda: [caching.get_secret_string(name) for name in names],
    }
    print(f"{SECRETS} AWS secrets, cold, moto on loopback")
    reference = 0.0
    calls_of: dict[str, int] = {}
    for label, read in contenders.items():
        with counted_calls() as calls:
            begun = time.perf_counter()
            read()
            seconds = time.perf_counter() - begun
        reference = reference or seconds
        figures = f"{len(calls):>3} calls {1000 * seconds:>8.1f} ms {seconds / reference:>6.1f} x ours"
        print(f"  {label:<46} {figures}")
        calls_of[label] = len(calls)
    own, stock, _ = calls_of.values()
    compared(Comparison(f"{SECRETS} AWS secrets, cold", "secrets", own, stock, "dagster_aws", "calls"))
    client.close()


def warm_reads(moto: str, bao: servers.OpenBao) -> None:
    """One secret, read again and again."""
    import aws_secretsmanager_caching
    import boto3
    import hvac

    bao.put_secret("bench", password="x" * 64)
    vault = VaultSecrets(url=bao.url, auth=VaultTokenAuth(token=bao.token))
    stock = hvac.Client(url=bao.url, token=bao.token)
    client = boto3.client("secretsmanager", endpoint_url=moto, region_name=REGION)
    client.create_secret(Name="warm", SecretString="x" * 64)
    caching = aws_secretsmanager_caching.SecretCache(client=client)
    read_hvac = stock.secrets.kv.v2.read_secret_version
    contenders: dict[str, tuple[Callable[[], object], int]] = {
        "VaultSecrets.get": (lambda: vault.get("bench#password"), 50_000),
        "aws-secretsmanager-caching": (lambda: caching.get_secret_string("warm"), 5_000),
        "hvac (keeps nothing)": (lambda: read_hvac("bench", raise_on_deleted_version=True), 100),
    }
    print("\nWarm read of one secret")
    reference = 0.0
    taken: dict[str, float] = {}
    for label, (read, times) in contenders.items():
        best = min(seconds_of(read, times) for _ in range(5))
        reference = reference or best
        print(f"  {label:<46} {1e6 * best:>8.1f} µs {best / reference:>6.0f} x ours")
        taken[label] = best
    own, caching_client, hvac_alone = taken.values()
    warm = "a warm read of a secret"
    compared(Comparison(warm, "secrets", own, caching_client, "aws-secretsmanager-caching"))
    compared(Comparison(f"{warm} of Vault", "secrets", own, hvac_alone, "hvac, which keeps nothing"))
    client.close()


def cold_threads(bao: servers.OpenBao) -> None:
    """64 threads want one secret that nobody has."""
    with FaultyProxy(bao.url) as proxy:
        secrets = VaultSecrets(url=proxy.url, auth=VaultTokenAuth(token=bao.token), kv_version=2)
        secrets.get("bench#password")
        secrets.invalidate()
        before = proxy.connections
        start = threading.Barrier(THREADS)

        def ask(_: int) -> None:
            start.wait()
            secrets.get("bench#password")

        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(ask, range(THREADS)))
        print(f"\n{THREADS} threads, one cold secret: {proxy.connections - before} upstream call")


def seconds_of(read: Callable[[], object], times: int) -> float:
    """Seconds a call, over ``times`` calls."""
    read()
    begun = time.perf_counter()
    for _ in range(times):
        read()
    return (time.perf_counter() - begun) / times


@contextmanager
def counted_calls() -> Iterator[list[str]]:
    """Every HTTP request that botocore sends meanwhile."""
    from botocore.httpsession import URLLib3Session

    calls: list[str] = []
    send = URLLib3Session.send

    def counted(self: URLLib3Session, request: Any) -> Any:
        calls.append(request.url)
        return send(self, request)

    URLLib3Session.send = counted
    try:
        yield calls
    finally:
        URLLib3Session.send = send


if __name__ == "__main__":
    main()
