#pragma once

#include <cstdint>
#include <memory>

#include "absl/container/inlined_vector.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "composer/data/transforms/image_transform.h"

namespace composer {

namespace config {
class ColOutTransform;
}

/// How many of `size` rows or columns stay when a part `p` of them is dropped: int((1 - p) size),
/// at least one.
int64_t kept_by_colout(int64_t size, double p);

/// Keeps the given rows and columns.
void colout_image(LazyImage& image, absl::Span<const int64_t> rows,
                  absl::Span<const int64_t> columns);

/// Drops random rows and columns, others of each image (MosaicML, 2021, docs.mosaicml.com, the
/// method card of ColOut). Images of one size stay of one size.
class ColOutTransform final : public ByteTransform {
 public:
  using Config = config::ColOutTransform;

  /// Errors are about "p_row" or "p_col".
  static absl::StatusOr<std::shared_ptr<ColOutTransform>> create(const Config& config);

  /// The parts of the rows and columns that are dropped. Throws where `create` fails.
  ColOutTransform(double p_row, double p_col);

  absl::string_view name() const override { return "colout"; }
  void apply(LazyImage& image, CounterRandom& random) const override;

 private:
  const double p_row_;
  const double p_col_;
};

}  // namespace composer
