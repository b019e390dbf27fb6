"""What Pillow warns of and logs while it reads pictures: an error of the picture, or nothing; never a raw line on stderr."""

from __future__ import annotations

import logging
import warnings

# Tags of TIFF that decide its pixels: without one of them Pillow takes a default, and reads the picture otherwise.
_PIXEL_TAGS = r"25[4-9]|262|266|27[3-9]|284|29[23]|317|32[0-5]|338|339|347|53[02]"
_DAMAGE = (rf"(?s).*Skipping tag ({_PIXEL_TAGS})$", "Tag offset too large", "Corrupt EXIF data")


def handle_pillow_warnings() -> None:
    """Turn Pillow's warnings of a damage that may change pixels or orientation into errors, and ignore its others.

    `datapath.images.load_image` makes an `ImageError` of them. The filters are set once for the process, before threads
    start: filters that change while several threads read are not safe.
    """
    warnings.filterwarnings("ignore", module=r"PIL\.")
    warnings.filterwarnings("ignore", "Image size .* exceeds limit of .* pixels")  # which foldline refuses itself
    for message in _DAMAGE:
        warnings.filterwarnings("error", message, module=r"PIL\.")
    logger = logging.getLogger("PIL")
    if not logger.handlers:  # else Python prints its errors, which are raised, too
        logger.addHandler(logging.NullHandler())
