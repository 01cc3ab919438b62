"""``python -m napari_medgen``: the command line."""

from napari_medgen.cli import main

if __name__ == "__main__":
    main()
