"""The parts of a learner's own Llama: one for each exercise whose answer has a place in a model, or in its training."""

from __future__ import annotations

from typing import NamedTuple


class Part(NamedTuple):
    """A place in the model.

    Args:
        lesson: whose exercise fills it.
        slot: the name that the model calls it by, which is that of the exercise's stub.
        check: the reference that an answer is compared with, as module and name in `checks`.
    """

    lesson: str
    slot: str
    check: str


PARTS = {
    "attention": Part("02", "my_attention", "attention.attention"),
    "mask": Part("02", "my_mask", "attention.mask"),
    "angles": Part("03", "my_angles", "rope.angles"),
    "rotation": Part("03", "my_rotate", "rope.rotated"),
    "cache": Part("04", "MyCache", "cache.cached"),
    "decode": Part("04", "my_decode", "gqa.decode"),
    "norm": Part("05", "my_rms_norm", "model_parts.rms_norm"),
    "feed_forward": Part("05", "my_feed_forward", "model_parts.feed_forward"),
    "block": Part("05", "my_block", "full_model.block"),
    "llama": Part("05", "MyLlama", "llama.assembled"),
    "batch": Part("06", "my_batch", "pretraining.batch"),
    "adamw": Part("06", "my_adamw", "pretraining.adamw"),
    "learning_rate": Part("06", "my_learning_rate", "pretraining.learning_rate"),
    "clip": Part("06", "my_clip", "pretraining.clip"),
    "probs": Part("07", "my_probs", "sampling.probs"),
    "top_p": Part("07", "my_top_p", "sampling.top_p"),
    "lora": Part("08", "MyLora", "lora.adapter"),
    "merge": Part("08", "my_merge", "lora.effective_weight"),
}
