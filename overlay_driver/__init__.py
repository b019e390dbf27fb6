"""The driver for a PYNQ board, and a virtual board. Needs numpy, Pillow and pynq, but neither torch nor numba.

>>> from overlay_driver import Driver, this_board
>>> with Driver(design, board=this_board(), manifest=manifest, bitstream=path) as driver:  # doctest: +SKIP
...     print(driver.read_text("line.png").text)
"""

from overlay_driver.bitstream import BitFile, read_bit_file
from overlay_driver.board import Board, this_board
from overlay_driver.driver import Driver
from overlay_driver.results import BoardResult
from overlay_driver.serial_port import SerialDriver, SerialLink, open_port

__all__ = [
    "BitFile",
    "Board",
    "BoardResult",
    "Driver",
    "SerialDriver",
    "SerialLink",
    "open_port",
    "read_bit_file",
    "this_board",
]
