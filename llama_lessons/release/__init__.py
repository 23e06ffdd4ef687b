"""A release that checks itself: what is packed, what its card says, and what a stranger can verify."""

from llama_lessons.release.archive import unpack
from llama_lessons.release.check import ReleaseError, check_files, check_release
from llama_lessons.release.packing import pack
from llama_lessons.release.scores import answers, measure

__all__ = ["ReleaseError", "answers", "check_files", "check_release", "measure", "pack", "unpack"]
