"""What an architecture takes of a part, estimated bottom-up from its structure: `estimate_resources`.

`costs` knows what an operation costs, `memories` how memories are packed, `our_kernel` and `published_kernel` what the two
kernels are made of, stage by stage, and `estimate` adds up.
"""

from hls_gen.resources.estimate import Block, ResourceEstimate, Resources, estimate_resources

__all__ = ["Block", "ResourceEstimate", "Resources", "estimate_resources"]
