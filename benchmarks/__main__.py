"""`python -m benchmarks`: see suite.py. The scripts here also run alone, so they import each other by bare name."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from suite import main

if __name__ == "__main__":
    main()
