"""Llama lessons: the whole of Llama 2, built by hand in notebooks, and the parts once they are finished."""
