from . import attention as attention
from . import backbone as backbone
from . import hooks as hooks
from . import layout as layout
from . import loading as loading
from . import schedule as schedule
