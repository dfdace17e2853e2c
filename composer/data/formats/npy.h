#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "composer/data/formats/array_view.h"

namespace composer {

/// What stands at the start of a .npy file.
/// https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
struct NpyHeader {
  ElementType type = ElementType::UINT8;
  std::vector<int64_t> shape;
  /// Where the array starts, and how many bytes it has.
  size_t data_offset = 0;
  int64_t data_bytes = 0;
};

/// A longer header is refused, as NumPy does by default.
constexpr size_t kMaxNpyHeader = 10'000;

/// Reads the header of a .npy file of `file_size` bytes, which must be exactly what the header
/// says. `start` is all of the file or at least its first kMaxNpyHeader bytes. Versions 1.0 to 3.0;
/// little-endian, row-major booleans, integers and floats. DataLoss for damaged files, with the
/// byte; Unimplemented for sound ones of other kinds (objects, records, text, big-endian, Fortran
/// order), with how to convert them. `name` is the file's in messages. Allocates no more than the
/// header is long.
absl::StatusOr<NpyHeader> parse_npy_header(absl::Span<const uint8_t> start, uint64_t file_size,
                                           absl::string_view name);

/// The array of a whole .npy file, which stays where it is.
absl::StatusOr<ArrayView> view_npy(absl::Span<const uint8_t> file, absl::string_view name);

}  // namespace composer
