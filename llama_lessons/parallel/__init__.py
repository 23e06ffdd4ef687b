"""More than one machine: data parallel, fully sharded, tensor parallel; by hand, then on PyTorch's own."""
