"""Controllers of many sessions at once, in step: twins of those that decide by arithmetic.

`twin("bola-e")` makes one; `abr.lockstep.contract` says what it is asked and answers. A twin
takes the rungs that its controller takes, session by session. Needs numpy, which `abr` alone
does not load.
"""

from abr.lockstep.contract import Choices, Ladder, Samples, Twin, Views
from abr.lockstep.registry import names, twin

__all__ = ["Choices", "Ladder", "Samples", "Twin", "Views", "names", "twin"]
