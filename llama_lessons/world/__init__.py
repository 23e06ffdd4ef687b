"""The Valley: a small closed world whose every fact is known, written from a seed by a grammar one can read.

Its facts, plots and words lie in data/world as text. Training reads `make_documents`; `open_questions`, `Exam`,
`instructions`, `preferences`, `red_team` and `check_story` measure what a model made of it.
"""

from llama_lessons.world.checker import check_story
from llama_lessons.world.exams import Exam, ExamItem
from llama_lessons.world.instructions import Instruction, instructions
from llama_lessons.world.mix import BASE_MIX, ECHO_MIX, LETTER_MIX, SHORT_ECHO_MIX, Document, make_documents
from llama_lessons.world.preferences import Preference, preferences
from llama_lessons.world.questions import OpenQuestion, open_questions
from llama_lessons.world.red_team import RedTeamPrompt, is_refusal, red_team
from llama_lessons.world.valley import load_valley

__all__ = [
    "BASE_MIX",
    "ECHO_MIX",
    "LETTER_MIX",
    "SHORT_ECHO_MIX",
    "Document",
    "Exam",
    "ExamItem",
    "Instruction",
    "OpenQuestion",
    "Preference",
    "RedTeamPrompt",
    "check_story",
    "instructions",
    "is_refusal",
    "load_valley",
    "make_documents",
    "open_questions",
    "preferences",
    "red_team",
]
