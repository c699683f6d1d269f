from . import report as report
from . import study as study
