"""Keys, certificates and JWTs made for one test run."""

from __future__ import annotations

import base64
import datetime as dt
import ipaddress
import json
import time
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

if TYPE_CHECKING:
    from pathlib import Path

JWT_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public_pem() -> str:
    public = JWT_KEY.public_key()
    return public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()


def jwt(**claims: object) -> str:
    """A JWT signed with RS256; expires in an hour unless told otherwise."""
    now = int(time.time())
    payload = {"iat": now, "nbf": now - 5, "exp": now + 3600, **claims}
    head = f"{_part({'alg': 'RS256', 'typ': 'JWT'})}.{_part(payload)}"
    signature = JWT_KEY.sign(head.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{head}.{_encoded(signature)}"


def service_account_jwt(name: str = "runs", namespace: str = "dagster") -> str:
    return jwt(
        iss="https://kubernetes.default.svc",
        sub=f"system:serviceaccount:{namespace}:{name}",
        **{
            "kubernetes.io/serviceaccount/namespace": namespace,
            "kubernetes.io/serviceaccount/secret.name": "token",
            "kubernetes.io/serviceaccount/service-account.name": name,
            "kubernetes.io/serviceaccount/service-account.uid": "4711",
        },
    )


def tls_files(folder: Path) -> dict[str, Path]:
    """A CA, a server certificate for the loopback address, and a client certificate."""
    ca_key, ca = _certificate("test CA", None, None)
    files = {"ca": folder / "ca.pem"}
    files["ca"].write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    for name, prefix in (("localhost", ""), ("dagster-client", "client_")):
        key, certificate = _certificate(name, ca_key, ca)
        files[f"{prefix}cert"] = folder / f"{name}.pem"
        files[f"{prefix}cert"].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        files[f"{prefix}key"] = folder / f"{name}.key"
        files[f"{prefix}key"].write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
    return files


def _certificate(
    name: str, issuer_key: ec.EllipticCurvePrivateKey | None, issuer: x509.Certificate | None
) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    usage = [x509.ExtendedKeyUsageOID.SERVER_AUTH, x509.ExtendedKeyUsageOID.CLIENT_AUTH]
    names = [x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        # Python 3.13 and later trust no certificate without the key identifiers, nor a CA without its usage.
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key((issuer_key or key).public_key()),
            critical=False,
        )
        .add_extension(_usage(signs=issuer is None), critical=True)
    )
    if issuer is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usage), critical=False).add_extension(
            x509.SubjectAlternativeName(names if name == "localhost" else names[:1]), critical=False
        )
    return key, builder.sign(issuer_key or key, hashes.SHA256())


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _part(data: object) -> str:
    return _encoded(json.dumps(data).encode())


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
