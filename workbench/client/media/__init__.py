"""Media for a browser: types that may be displayed, links, thumbnails, waveforms and streams."""
