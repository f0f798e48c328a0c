"""What a test may do with an object of the student's: what it does, at the same place, with the reference's.

An object can be asked what it is, but one that is handed the expected value can say of itself that it
equals it. So operators, calls and changes of objects are done where the reference's answer has them done
too: `abs(f(2) - 4) < 1e-9` subtracts from a number, and no object of a student's can take its place.
"""

import os
import sys

UNLICENSED = 3  # exit status of a scoring process that must know what the reference does
OURS = ("<test>", "<lab>")  # files of the lab's own code
FRAMES = 8  # of it that make a place


class Licence:
    """The operations that the reference's run has met: places in the cells, each with an operation."""

    def __init__(self, job: dict):
        self.cell = ""  # in hand, by its id
        self.is_recorded = job.get("recording", False)
        self.is_free = not job.get("reference")  # at home, where there is none
        self.met: set[str] | None = set(job["licence"]) if job.get("licence") is not None else None
        self.positions: dict[object, list] = {}

    def allows(self, operation: str) -> bool:
        """Whether it may be done here."""
        if self.is_free:
            return True
        place = f"{self.cell} {self._place()} {operation}"
        if self.is_recorded:
            self.met = self.met or set()
            self.met.add(place)
            return True
        if self.met is None:
            os._exit(UNLICENSED)  # it is run again, with what the reference does
        return place in self.met

    def _place(self) -> str:
        """Where in the lab's code we are: its frames, the innermost first, for what a function of the lab's
        does with an object at one place it may not do at another; each once, however deep a recursion is.
        """
        frame, places = sys._getframe(2), []
        while frame and len(places) < FRAMES:
            code = frame.f_code
            if code.co_filename in OURS:
                if code not in self.positions:
                    self.positions[code] = list(code.co_positions())
                places.append(f"{code.co_qualname} {self.positions[code][frame.f_lasti // 2]}")
            frame = frame.f_back
        return " ".join(dict.fromkeys(places))
