"""How far a run is: its stages on a time line, and pictures of its way."""

from .progress import Progress as Progress
from .watched import Watched as Watched
