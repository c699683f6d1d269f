from . import alignment as alignment
from . import checks as checks
from . import words as words
