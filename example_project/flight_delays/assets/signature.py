"""A step that needs a secret: the model is signed, so that whoever serves it can tell that it is ours."""

import hmac

import dagster as dg

from dagster_plus_k8s_helpers import SecretsResource
from flight_delays.assets.model import DelayModel
from flight_delays.pods import SMALL


@dg.asset(op_tags=SMALL.tags)
def model_signature(
    context: dg.AssetExecutionContext, delay_model: DelayModel, secrets: SecretsResource
) -> str:
    """HMAC-SHA256 of the model's weights.

    The key is fetched while the step runs: it is in no tag, no image and no environment variable, and a key
    that was changed this morning signs tonight's model.
    """
    key = secrets.get("model-registry#signing_key").reveal_bytes()
    signature = hmac.new(key, delay_model.fit.weights.tobytes(), "sha256").hexdigest()
    context.add_output_metadata({"key_from": secrets.backend})
    return signature
