"""The learner's own Llama: what passes a check is kept, put in its place in a model, and taken home as one file."""

from llama_lessons.my_llama.assembling import OwnLlama, assemble
from llama_lessons.my_llama.keeping import keep

__all__ = ["OwnLlama", "assemble", "keep"]
