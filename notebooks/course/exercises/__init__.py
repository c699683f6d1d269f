"""Checks of the notebooks' exercises: each explains what is wrong, and raises nothing. A file for each notebook."""

from .architectures import check_columns, check_text_share
from .attention import check_share, check_sum
from .first_edit import check_best_step, check_other_object
from .inversion import check_drift, check_exact
from .latents import check_step, check_timestep
from .live_lab import check_no_guidance, check_strokes
from .mag_edit import check_nudge, check_token_ratio
from .measuring import check_fool, check_interval, check_psnr
from .other_methods import check_base, check_mask_readers, check_paste
from .own_loss import check_entry, check_loss
from .prompt_to_prompt import check_alignment, check_outside
from .reproduced import check_largest, check_times
from .settings import check_stop_step, check_total
from .stable_diffusion import check_memory, check_settings
from .verdict import Verdict

__all__ = [
    "Verdict", "check_alignment", "check_base", "check_best_step", "check_columns", "check_drift", "check_entry",
    "check_exact", "check_fool", "check_interval", "check_largest", "check_loss", "check_mask_readers",
    "check_memory", "check_no_guidance", "check_nudge", "check_other_object", "check_outside", "check_paste",
    "check_psnr", "check_settings", "check_share", "check_step", "check_stop_step", "check_strokes", "check_sum",
    "check_text_share", "check_times", "check_timestep", "check_token_ratio", "check_total",
]  # fmt: skip
