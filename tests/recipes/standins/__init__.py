"""Small stand-ins for archives: files with the layout and the quirks of the real ones, made on the fly."""
