"""Wav2Lip in our own code: the sound as the network hears it, the track of the face, the network, the blending.

Only ``network``, ``checkpoint`` and ``lips`` import torch.
"""
