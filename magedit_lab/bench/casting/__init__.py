"""Casting: which scene a notebook shows, by a criterion that is written down before any scene is drawn."""

from . import sheet
from .roles import ROLES, VISIBLE, Role
from .search import audition, cast, chosen
from .take import Take
from .worlds import CAST, WORLDS, World, hero

__all__ = ["CAST", "ROLES", "VISIBLE", "WORLDS", "Role", "Take", "World", "audition", "cast", "chosen", "hero", "sheet"]
