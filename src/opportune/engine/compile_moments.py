"""Of what it is remembered when it was said: of tags, consents and do-not-disturb, where some kind of identifier merges customers."""

from collections.abc import Iterable

import msgspec
import numpy as np
from numpy.typing import NDArray

from opportune.engine.definitions import DefinitionSet
from opportune.policy import CONSENT_MOMENTS_FROM
from opportune.profiles import HotTag


class Moments(msgspec.Struct, frozen=True):
    """The words of a customer's row of moments: do-not-disturb, `pairs` of purpose and channel, then tags by number. No words where no kind merges."""

    words: int = 0
    pairs: int = 0
    tags: dict[int, int] = {}

    def table(self, tag_count: int) -> NDArray[np.int32]:
        """The word per tag number, -1 for a tag without."""
        words = np.full(tag_count, -1, np.int32)
        for number, word in self.tags.items():
            words[number] = word
        return words


def moments_of_tags(definitions: DefinitionSet, tags: Iterable[HotTag], pairs: int) -> Moments:
    """The moments that a playbook keeps: of its hot tags that are set from outside, and of `pairs` of consent."""
    if not any(kind.merges for kind in definitions.identifiers.values()):
        return Moments()
    words = {tag.number: CONSENT_MOMENTS_FROM + pairs + at for at, tag in enumerate(tags)}
    return Moments(CONSENT_MOMENTS_FROM + pairs + len(words), pairs, words)
