from . import flowedit as flowedit
from . import rf_edit as rf_edit
