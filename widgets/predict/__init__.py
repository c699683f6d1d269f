"""Predictions: a question before a cell, its outcome after it, and a class's guesses."""

from .question import Question as Question
from .record import Predictions as Predictions
from .widget import Predict as Predict
from .widget import predictions as predictions
