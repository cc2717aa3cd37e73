"""What opening many small inputs and copying their bytes costs by itself: python opening.py FOLDER COUNT OUT.npy"""

import sys
from pathlib import Path

import h5py
import numpy as np


def main() -> None:
    """Each file is opened once, all its values are read, and all fields are written in one array."""
    folder, count, out = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    fields = []
    for path in sorted(folder.glob("*.nc"))[:count]:
        with h5py.File(path) as file:
            values = {name: file[name][...] for name in file}
            fields.append(values["rain"])
    np.save(out, np.concatenate(fields))


if __name__ == "__main__":
    main()
