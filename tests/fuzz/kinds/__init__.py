"""The formats, by what reads them. Each module has `FORMATS`."""
