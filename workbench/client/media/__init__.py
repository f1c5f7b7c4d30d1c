"""Media for a browser: types that may be shown, thumbnails and waveforms."""
