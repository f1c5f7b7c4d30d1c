"""The parts of the CPU portrait animator, in the order in which they work.

framing   the portrait, cropped and scaled to the output square
sound     samples and loudness of the speech
visemes   phonemes, or the sound alone -> mouth tracks
motion    blinks, head sway and brows, seeded -> one row of controls a frame
rig       the portrait's face, as displacement fields that the controls weigh
eyes      the eyes at every stage of a blink
mouth     what is seen between the lips
painter   controls of one frame -> pixels
encoder   pixels -> closed parts of h264, in a thread of its own
joining   parts -> one file, packets copied
"""
