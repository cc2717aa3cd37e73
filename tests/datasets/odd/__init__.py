"""Archives as nobody should write them, and somebody does; and what must become of each."""

from . import attributes, coordinates, layouts, times, types
from .archive import ODD, Odd

__all__ = ["ODD", "Odd", "attributes", "coordinates", "layouts", "times", "types"]
