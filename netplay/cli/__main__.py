"""`python -m netplay.cli` is `netplay`."""

import sys

from netplay.cli import main

sys.exit(main())
