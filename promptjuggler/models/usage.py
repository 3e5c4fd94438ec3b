"""What a run has used, and what it cost."""

from dataclasses import dataclass

from .._model import Model
from .enums import ServiceTier

__all__ = ["ModelCost", "RunCost", "TokenUsage"]


@dataclass(frozen=True, slots=True, repr=False)
class TokenUsage(Model):
    """Numbers of tokens, as the API counts them.

    The API does not promise how they add up: neither what `total` includes,
    nor whether `input_cached` is a part of `input`, or `reasoning` of
    `output`.

    input              read by the model
    input_cached       read from the provider's cache
    output             written by the model
    reasoning          used for reasoning
    total              in all
    service_tier       the tier that the provider used; None where it is not known
    input_cache_write  written to the provider's cache; 0 where the API does not say
    """

    input: int
    input_cached: int
    output: int
    reasoning: int
    total: int
    service_tier: ServiceTier | None = None
    input_cache_write: int = 0


@dataclass(frozen=True, slots=True, repr=False)
class ModelCost(Model):
    """Costs of using a model, in US dollars.

    input         of the tokens that it read
    cached_input  of those read from the provider's cache
    cache_write   of those written to the provider's cache
    output        of the tokens that it wrote
    web_search    of the provider's web search
    total         in all
    """

    input: float
    cached_input: float
    cache_write: float
    output: float
    web_search: float
    total: float


@dataclass(frozen=True, slots=True, repr=False)
class RunCost(Model):
    """Costs of a run, in US dollars.

    success  of what succeeded
    retries  of what had to be repeated
    total    in all
    """

    success: ModelCost
    retries: ModelCost
    total: float
