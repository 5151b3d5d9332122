"""`python -m depth_anything` is the command `depth-anything`."""

import sys

from .cli import main

sys.exit(main())
