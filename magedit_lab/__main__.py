"""`python -m magedit_lab`."""

import sys

from .cli import main

sys.exit(main())
