"""What nodes on torch share. Only ``on_device`` may be imported while a node is declared: the others import torch."""
