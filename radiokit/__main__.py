"""``python -m radiokit`` is the command line."""

import sys

from radiokit.cli import main

sys.exit(main())
