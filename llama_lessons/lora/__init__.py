"""LoRA: low-rank adapters in a Llama's linear layers, and their files in peft's format."""

from llama_lessons.lora.adapters import LoraLinear, add_lora, merge_lora, unmerge_lora
from llama_lessons.lora.peft_format import load_lora, save_lora

__all__ = ["LoraLinear", "add_lora", "load_lora", "merge_lora", "save_lora", "unmerge_lora"]
