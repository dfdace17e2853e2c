"""The order and the classes that torchvision's ImageFolder gives; writes image_folder.txt beside this.

Each line is a class and a file, in torchvision's order. Hidden files are left out: torchvision takes
them, and their folders, for images and classes.
"""

import pathlib
import tempfile

from torchvision.datasets import ImageFolder

FILES = ["cat/b.jpg", "cat/b/z.png", "cat/b/c/y.jpeg", "cat/b-x/w.JPG", "cat/b/c-d/v.jpg",
         "cat/a.PnG", "cat/Z.jpg", "cat/notes.txt", "cat/jpg", "cat/a b.jpg", "cat/10.jpg",
         "cat/9.jpg", "dog/1/2/3/x.jpg", "dog/1.png", "Zebra/\u00e9.jpg", "Zebra/z.jpg",
         "Zebra/\u4e2d.jpg", "zebra/stripes.JPEG", "cat.and.dog/both.jpg", "loose.jpg"]


def main():
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        for file in FILES:
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).touch()
        samples = ImageFolder(folder).samples
        lines = [f"{number} {pathlib.Path(path).relative_to(folder)}\n" for path, number in samples]
        # torchvision also knows .ppm, .bmp and so on, of which there are none here.
        (pathlib.Path(__file__).parent / "image_folder.txt").write_text("".join(lines))


if __name__ == "__main__":
    main()
