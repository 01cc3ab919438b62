"""How the study's window looks: dark as a reading room, with what keys act on in a frame."""

STYLE = """
#study, #study QStackedWidget, #panel, #page, #panel QScrollArea QWidget#questions { background: #1b1f24; }
#panel QScrollArea, #panel QScrollArea > QWidget { background: #1b1f24; }
#panel QLabel, #page QLabel { font-size: 13px; color: #e8eef2; }
#panel #where { font-size: 17px; font-weight: bold; }
#panel #quiet, #page #quiet { color: #9fb0bd; }
#panel #asked { font-size: 14px; font-weight: bold; }
#panel #note { color: #8ecae6; }
#fault { color: #1b1b1b; background: #ffb703; padding: 6px; border-radius: 3px; }
QFrame#question { border: 2px solid #2c343c; border-radius: 6px; background: #20262c; }
QFrame#question[active="true"] { border: 2px solid #ff9f1c; }
QFrame#question QLabel { background: transparent; border: none; }
QFrame#question QPushButton { background: #2c343c; border: 1px solid #3d4853; border-radius: 4px; text-align: left; }
QFrame#question QPushButton:hover { border: 1px solid #8ecae6; }
QFrame#question QPushButton:checked { background: #1f5f8b; border: 1px solid #8ecae6; }
QFrame#question QPushButton:disabled { background: #23292f; }
QFrame#question QPushButton:checked:disabled { background: #1f4560; }
QFrame#question #key { color: #9fb0bd; font-weight: bold; }
#panel QPlainTextEdit, #page QLineEdit { background: #12161a; color: #e8eef2; border: 1px solid #3d4853; padding: 4px; }
#panel QPlainTextEdit:focus, #page QLineEdit:focus { border: 2px solid #ff9f1c; }
#panel > QPushButton, #page QPushButton { background: #2c343c; color: #e8eef2; border: 1px solid #3d4853; border-radius: 4px;
  padding: 6px; }
#panel #forward, #page #main { background: #1f5f8b; font-weight: bold; font-size: 14px; }
#panel #forward:disabled { background: #2c343c; color: #7c8994; }
#page #title { font-size: 24px; font-weight: bold; }
#page #text { font-size: 15px; }
"""
