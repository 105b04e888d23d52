"""Silences what libraries say at every start and no user of this project can act on."""

from __future__ import annotations

import logging
import warnings


def quiet_libraries() -> None:
    """Lower Lightning's and transformers' chatter to what matters."""
    for name in ("pytorch_lightning", "lightning.pytorch", "transformers"):
        logging.getLogger(name).setLevel(logging.ERROR)
    # Ours on purpose: batches know how to move themselves, loaders are quick without workers, and
    # frozen parts stay in evaluation mode.
    for message in (
        ".*overridden `transfer_batch_to_device`.*",
        ".*does not have many workers.*",
        ".*module\\(s\\) in eval mode at the start of training.*",
        ".*`isinstance\\(treespec, LeafSpec\\)` is deprecated.*",
        ".*The number of training batches .* is smaller than the logging interval.*",
    ):
        warnings.filterwarnings("ignore", message)
