"""Holds the keys and values of sentences that are generated together; others may join.

XTTS's GPT adds its positions to the embeddings, so that a key may lie anywhere in the cache. All
rows write their next key at the same place; what lies left of a row's own first key is padding.
"""

from __future__ import annotations

import torch
from torch import Tensor


class KeyValueCache:
    """Keys and values of every layer, (rows, heads, capacity, head width), filled from the left.

    Args:
        capacity: positions for which there is room.
        valid: (rows, capacity), False at padding; None where no row has padding.
    """

    def __init__(self, capacity: int, valid: Tensor | None) -> None:
        self.capacity, self.valid = capacity, valid
        self.keys: list[Tensor] = []
        self.values: list[Tensor] = []
        self.filled = 0

    def extend(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Store this step's keys and values; return those of all steps."""
        if layer == len(self.keys):
            shape = (*key.shape[:2], self.capacity, key.shape[3])
            self.keys.append(key.new_empty(shape))
            self.values.append(value.new_empty(shape))
        end = self.filled + key.shape[2]
        self.keys[layer][:, :, self.filled : end] = key
        self.values[layer][:, :, self.filled : end] = value
        return self.keys[layer][:, :, :end], self.values[layer][:, :, :end]

    def mask(self, steps: int) -> Tensor | None:
        """Which keys each of the next `steps` queries may see, (rows, 1, steps, keys)."""
        if self.valid is None:
            return None
        end = self.filled + steps
        seen = self.valid[:, None, None, :end]
        if steps == 1:
            return seen
        causal = torch.ones(steps, end, dtype=torch.bool, device=seen.device).tril(self.filled)
        # Padding sees itself: a softmax over nothing would be NaN, and NaN spreads.
        return (seen & causal) | torch.eye(steps, end, dtype=torch.bool, device=seen.device)

    def keep(self, rows: Tensor) -> None:
        """Drop the other rows."""
        for layers in (self.keys, self.values):
            for layer in range(len(layers)):  # one by one: never are there two of all
                layers[layer] = layers[layer][rows]
        self.valid = None if self.valid is None else self.valid[rows]

    def joined(self, other: KeyValueCache, steps: int) -> KeyValueCache:
        """The rows of both, with room for `steps` more; columns that no row uses are left out.

        Both are used up: each layer is freed as soon as it is copied, for several clients' caches
        are hundreds of megabytes.
        """
        used = [self._used(), other._used()]
        filled = max(used)
        rows = [cache.keys[0].shape[0] for cache in (self, other)]
        valid = self.keys[0].new_ones(sum(rows), filled + steps, dtype=torch.bool)
        places = (slice(0, rows[0]), slice(rows[0], None))
        for cache, place, length in zip((self, other), places, used, strict=True):
            valid[place, : filled - length] = False
            if cache.valid is not None:
                own = cache.valid[:, cache.filled - length : cache.filled]
                valid[place, filled - length : filled] = own
        whole = KeyValueCache(filled + steps, None if valid.all() else valid)
        whole.filled = filled
        for name in ("keys", "values"):
            mine, theirs, both = (getattr(one, name) for one in (self, other, whole))
            while mine:
                both.append(self._beside(mine.pop(0), theirs.pop(0), other, used, whole))
        return whole

    def _beside(
        self,
        mine: Tensor,
        theirs: Tensor,
        other: KeyValueCache,
        used: list[int],
        whole: KeyValueCache,
    ) -> Tensor:
        """One layer's tensor of both caches, right-aligned at what is filled."""
        rows, (heads, width) = len(mine), (mine.shape[1], mine.shape[3])
        # Zeros, not what happens to be in memory: masked keys still meet a factor of zero, and
        # zero times infinity is no number.
        layer = mine.new_zeros(rows + len(theirs), heads, whole.capacity, width)
        end = whole.filled
        layer[:rows, :, end - used[0] : end] = mine[:, :, self.filled - used[0] : self.filled]
        layer[rows:, :, end - used[1] : end] = theirs[:, :, other.filled - used[1] : other.filled]
        return layer

    def _used(self) -> int:
        """How many columns, counted from the right, hold a key of any row."""
        if self.valid is None:
            return self.filled
        return self.filled - int(self.valid[:, : self.filled].any(dim=0).int().argmax())
