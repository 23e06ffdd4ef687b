"""`python -m llama_lessons.release pack FOLDER` writes a release, `... check FOLDER` sees whether one is what it says.

`check` takes an archive as well, unpacks it to a temporary folder, and looks at every name in it before it does.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
from pathlib import Path

from llama_lessons.files import COURSE
from llama_lessons.release import ReleaseError, check_release, pack, unpack
from llama_lessons.tokenizer import TokenizerError

MODEL = COURSE / "data/checkpoints/rlhf"


def main() -> int:
    """Command line; 0 if the release is packed, or is what it says."""
    parser = argparse.ArgumentParser(prog="python -m llama_lessons.release", description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=("pack", "check"))
    parser.add_argument("folder", type=Path, help="of the release; to check, an archive will do")
    parser.add_argument(
        "--model", type=Path, default=MODEL, help="pack this checkpoint; default: data/checkpoints/rlhf"
    )
    arguments = parser.parse_args()
    try:
        if arguments.command == "pack":
            archive = pack(arguments.model, arguments.folder)
            print(f"{hashlib.sha256(archive.read_bytes()).hexdigest()}  {archive}")
            print("tell this sum by another way than the archive: whoever can change the one cannot change the other")
        else:
            _check(arguments.folder)
    except ReleaseError as error:
        print(f"{arguments.folder} is refused:\n{error}", file=sys.stderr)
        return 1
    except (ValueError, TokenizerError) as error:  # of the model, or of the folder, that it shall pack
        parser.error(str(error))
    return 0


def _check(path: Path) -> None:
    with tempfile.TemporaryDirectory() as into:
        scores = check_release(path if path.is_dir() else unpack(path, Path(into)))
    for name, score in scores.items():
        print(f"{name:<62} {score}")
    print(f"{path} is what it says: files, licence, card, and {len(scores)} scores measured anew")


if __name__ == "__main__":
    sys.exit(main())
