"""Editing methods by name; each is a file of its own."""

from collections import ChainMap
from collections.abc import Mapping

from .attend_and_excite import AttendAndExcite
from .base import Method, Plain
from .blended import BlendedLatentDiffusion
from .boxdiff import BoxDiff
from .diffedit import DiffEdit
from .flows.flowedit import FlowEdit
from .flows.rf_edit import RFEdit
from .layout_guidance import LayoutGuidance
from .mag_edit import MagEdit
from .masactrl import MasaCtrl
from .pix2pix_zero import Pix2PixZero
from .plug_and_play import PlugAndPlay
from .prompt_to_prompt import PromptToPrompt
from .shared.blend import LATE

METHODS: dict[str, Method] = {
    "plain": Plain(),
    "blended": BlendedLatentDiffusion(),
    "diffedit": DiffEdit(),
    "diffedit+mask": DiffEdit(mask="given"),
    "masactrl": MasaCtrl(),
    "masactrl+mask": MasaCtrl(masked=True),
    "pnp": PlugAndPlay(),
    "p2p": PromptToPrompt(),
    "p2p+mask": PromptToPrompt(blend=LATE),
    "p2p+re-weight": PromptToPrompt(reweight=10.0, reweight_inside=True, blend=LATE),
    "p2p+mag-edit": MagEdit(),
    "pnp+mag-edit": MagEdit(base=PlugAndPlay(blend=LATE)),
    "masactrl+mag-edit": MagEdit(base=MasaCtrl(blend=LATE)),
    "attend-and-excite": AttendAndExcite(),
    "layout-guidance": LayoutGuidance(),
    "boxdiff": BoxDiff(),
    "pix2pix-zero": Pix2PixZero(),
}

FLOW_METHODS: dict[str, Method] = {"flowedit": FlowEdit(), "rf-edit": RFEdit()}  # refused by models of diffusion
ALL_METHODS: Mapping[str, Method] = ChainMap(METHODS, FLOW_METHODS)  # a view of both, so that a new entry is in it
