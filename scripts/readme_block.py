"""Print the fenced code block that follows a marker in README.md.

    python scripts/readme_block.py "test command"

The marker is an HTML comment on a line of its own, `<!-- test command -->`. What CI runs is thereby
what the README says, and neither can change without the other.
"""

import re
import sys
from pathlib import Path

README = Path(__file__).resolve().parent.parent / "README.md"


def block(text: str, marker: str) -> str:
    """Return the code that follows the marker, which stands in the text exactly once."""
    pattern = rf"^<!-- {re.escape(marker)} -->\n+```\w*\n(.*?)^```$"
    found = re.findall(pattern, text, flags=re.MULTILINE | re.DOTALL)
    if len(found) != 1:
        sys.exit(f"error: {len(found)} blocks, not 1, follow <!-- {marker} --> in {README.name}")
    return str(found[0])


if __name__ == "__main__":
    sys.stdout.write(block(README.read_text(encoding="utf-8"), sys.argv[1]))
