"""The parts of the CPU portrait animator, in the order in which they work.

framing   crops and scales the portrait to the output square
audio     samples and loudness of the speech
windows   the speech around the frames of each part, as soon as it is there
visemes   phonemes, or the audio alone -> mouth tracks
motion    blinks, head sway and brows, seeded -> one set of controls per frame
axes      the face's coordinate system, and the grid
lips      the contours of the lips, and the line where they meet
fields    how far each point of the face moves for each control
rig       the portrait's face: all of these together
eyes      the eyes at every stage of a blink
mouth     the inside of the mouth
painter   controls of one frame -> pixels
"""
