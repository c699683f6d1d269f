from . import html as html
from . import record as record
from . import storage as storage
from . import trace as trace
from .record import Keep as Keep
from .trace import SCHEMA as SCHEMA
from .trace import Trace as Trace
from .trace import run as run
