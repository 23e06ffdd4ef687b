"""More than one machine: collectives, data parallel, fully sharded, tensor parallel; each by hand, then on PyTorch's."""
