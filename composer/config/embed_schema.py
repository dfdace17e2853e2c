"""Writes the C++ source of embedded_schema.h: embed_schema.py OUT DESCRIPTOR_SET..."""

import sys


def main(out, *paths):
    # Serialised FileDescriptorSets, one after the other, are one that holds the files of all.
    data = b"".join(open(path, "rb").read() for path in paths)
    rows = [data[i : i + 20] for i in range(0, len(data), 20)]
    with open(out, "w") as f:
        f.write('#include "composer/config/embedded_schema.h"\n\n')
        f.write("namespace composer {\nnamespace {\n\nconstexpr unsigned char kBytes[] = {\n")
        f.writelines("    " + " ".join("%d," % byte for byte in row) + "\n" for row in rows)
        f.write("};\n\n}  // namespace\n\nabsl::string_view embedded_schema() {\n")
        f.write("  return {reinterpret_cast<const char*>(kBytes), sizeof(kBytes)};\n}\n\n")
        f.write("}  // namespace composer\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
