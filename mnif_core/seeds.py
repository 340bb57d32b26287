"""One seed out of several numbers, such as a run's own and a step's."""

import hashlib


def mixed_seed(*numbers: int) -> int:
    """A seed in [0, 2^32) that depends on all `numbers`.

    torch's generator on CPUs looks at the lower 32 bits of its seed alone, so that shifting one number above the other
    would lose it.
    """
    digest = hashlib.blake2b(repr(numbers).encode(), digest_size=4).digest()
    return int.from_bytes(digest, "little")
