"""The parts of the CPU portrait animator, in the order in which they work.

framing   the portrait, cropped and scaled to the output square
sound     samples and loudness of the speech
visemes   phonemes, or the sound alone -> mouth tracks
motion    blinks, head sway and brows, seeded -> one row of controls a frame
axes      the face's own directions, and the grid
lips      the contours of the lips, and where they meet
fields    how far the face moves for each control
rig       the portrait's face: all of these together
eyes      the eyes at every stage of a blink
mouth     what is seen between the lips
painter   controls of one frame -> pixels
encoder   pixels -> closed parts of h264, in a thread of its own
joining   parts -> one file, packets copied
"""
