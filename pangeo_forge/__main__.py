"""``python -m pangeo_forge`` is ``pangeo-forge``."""

from pangeo_forge.cli import main

if __name__ == "__main__":
    main()
