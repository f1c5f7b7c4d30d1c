"""Upscaling of video and restoration of faces by networks on torch, for ``generate.upscale_video_torch``.

    checkpoints     a file of weights -> a network, with what cannot be used refused
    upscaler        frames -> larger frames, whole or in tiles
    tracks          landmarks of each frame -> steady landmarks
    alignment       landmarks -> the square that a face network expects
    face_restorer   cuts faces out, restores them and blends them back
    batches         decodes, finds faces and makes batches, in a thread
    ahead, gate     the thread, and where it waits
    device_work     a batch -> its frames, while the next batch is computed
    load            how much the device gets at once, and what is tried when its memory runs out

All but ``alignment``, ``tracks``, ``ahead`` and ``gate`` import torch. Import them inside ``run``.
"""
