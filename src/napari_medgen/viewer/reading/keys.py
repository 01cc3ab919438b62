"""The keys of the reading room, in one table: what they do, and the sheet that says so."""

from __future__ import annotations

from dataclasses import dataclass

from qtpy.QtCore import Qt

_KEY = Qt.Key
_NONE = Qt.KeyboardModifier.NoModifier


@dataclass(frozen=True)
class Key:
    """A key, and what it does.

    Attributes
    ----------
    codes
        Any of these.
    label
        As it stands on a keyboard.
    action
        Name of the method of the room's actions.
    says
        What it does, for a reader.
    group
        Heading in the sheet.
    instead
        What napari itself does with it, where that is something; it does so again when the room is left.
    """

    codes: tuple[Qt.Key, ...]
    label: str
    action: str
    says: str
    group: str
    instead: str = ""


KEYS = (
    Key((_KEY.Key_Up, _KEY.Key_F), "Up, F", "next_slice", "Next slice", "Slices"),
    Key((_KEY.Key_Down, _KEY.Key_V), "Down, V", "previous_slice", "Previous slice", "Slices", "V shows and hides layers"),
    Key((_KEY.Key_Home,), "Home", "first_slice", "First slice", "Slices"),
    Key((_KEY.Key_End,), "End", "last_slice", "Last slice", "Slices"),
    Key((_KEY.Key_C,), "C", "cine", "Cine: start and stop", "Slices", "tools of a layer"),
    Key((_KEY.Key_Comma,), ",", "slower", "Cine slower", "Slices"),
    Key((_KEY.Key_Period,), ".", "faster", "Cine faster", "Slices"),
    Key((_KEY.Key_T,), "T", "slab_kind", "Slab: single slice, mean, MIP, MinIP in turn", "Slices", "tools of a layer"),
    Key((_KEY.Key_BracketLeft, _KEY.Key_Minus), "[, -", "thinner", "Thinner slab", "Slices"),
    Key((_KEY.Key_BracketRight, _KEY.Key_Plus, _KEY.Key_Equal), "], +", "thicker", "Thicker slab", "Slices"),
    Key((_KEY.Key_1,), "1", "preset_1", "CT: soft tissue", "Window", "tools of a layer"),
    Key((_KEY.Key_2,), "2", "preset_2", "CT: lung", "Window", "tools of a layer"),
    Key((_KEY.Key_3,), "3", "preset_3", "CT: bone", "Window", "tools of a layer"),
    Key((_KEY.Key_4,), "4", "preset_4", "CT: brain", "Window", "tools of a layer"),
    Key((_KEY.Key_5,), "5", "preset_5", "CT: liver", "Window", "tools of a layer"),
    Key((_KEY.Key_A,), "A", "automatic", "Automatic, from the image's percentiles", "Window", "tools of a layer"),
    Key((_KEY.Key_0,), "0", "own_window", "As the file says, or as it was opened", "Window"),
    Key((_KEY.Key_I,), "I", "invert", "Swap black and white", "Window"),
    Key((_KEY.Key_G,), "G", "layout", "Layout: 2x2, 1x3, 1x2, 1x1 in turn", "Views"),
    Key((_KEY.Key_M,), "M", "maximise", "This view alone, or all", "Views", "tools of a layer"),
    Key((_KEY.Key_Left,), "Left", "previous_view", "The view before", "Views", "a slider one step back"),
    Key((_KEY.Key_Right,), "Right", "next_view", "The next view", "Views", "a slider one step on"),
    Key((_KEY.Key_R,), "R", "reset", "Reset zoom, place and window", "Views", "tools of a layer"),
    Key((_KEY.Key_Space,), "Space", "fit", "Fit to the view", "Views", "moves the picture while it is held"),
    Key((_KEY.Key_X,), "X", "crosshair", "Crosshair on and off", "Views", "tools of a layer"),
    Key((_KEY.Key_O,), "O", "overlays", "Maps, labels and drawings on and off", "Views"),
    Key((_KEY.Key_L,), "L", "linked", "Link zoom and place of the views, or let them go", "Views", "tools of a layer"),
    Key((_KEY.Key_B,), "B", "blink", "Blink between two images", "Compare"),
    Key((_KEY.Key_S,), "S", "swipe", "Swipe over two images", "Compare", "tools of a layer"),
    Key((_KEY.Key_K,), "K", "checkerboard", "Checkerboard of two images", "Compare"),
    Key((_KEY.Key_D,), "D", "difference", "Difference of two images", "Compare", "tools of a drawing"),
    Key((_KEY.Key_PageDown,), "Page down", "next_case", "Next case of the work list", "Cases"),
    Key((_KEY.Key_PageUp,), "Page up", "previous_case", "Case before", "Cases"),
    Key((_KEY.Key_F1, _KEY.Key_Question), "F1, ?", "help", "This sheet", "Help"),
    Key((_KEY.Key_Escape,), "Esc", "escape", "Stop: cine, a mode of comparison, a single view", "Help"),
)

MOUSE = (
    ("Wheel", "Slice by slice (a setting swaps it with Ctrl + wheel)"),
    ("Ctrl + wheel", "Zoom where the pointer is"),
    ("Alt + wheel", "The next of several volumes in one file"),
    ("Click", "Crosshair there, and keys act on this view"),
    ("Shift + move", "The crosshair follows the pointer"),
    ("Drag, middle drag", "Move the image"),
    ("Right drag", "Window and level: across is width, up and down is level (a setting turns it)"),
    ("Ctrl + right drag", "Window from a rectangle"),
    ("Double click", "This view alone, or all"),
    ("Drag in 3D", "Turn"),
)

_BY_CODE = {int(code): key for key in KEYS for code in key.codes}


def key_of(code: int, modifiers: Qt.KeyboardModifier) -> Key | None:
    """The key of the room that was pressed; None where it is none of ours, or held with Ctrl, Alt or Meta."""
    held = modifiers & (
        Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier | Qt.KeyboardModifier.MetaModifier
    )
    return None if held != _NONE else _BY_CODE.get(int(code))
