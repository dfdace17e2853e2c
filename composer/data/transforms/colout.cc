#include "composer/data/transforms/colout.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "composer/base/exceptions.h"
#include "composer/base/status.h"
#include "composer/data/transforms/registry.h"
#include "proto/transform.pb.h"

namespace composer {
namespace {

// `count` of the numbers below `size`, in order, each choice as likely.
absl::InlinedVector<int64_t, 256> draw_in_order(int64_t size, int64_t count,
                                                CounterRandom& random) {
  absl::InlinedVector<int64_t, 256> drawn;
  for (int64_t i = 0; i < size; ++i) {
    const int64_t missing = count - static_cast<int64_t>(drawn.size());
    if (random.below(size - i) < missing) drawn.push_back(i);
  }
  return drawn;
}

}  // namespace

int64_t kept_by_colout(int64_t size, double p) {
  return std::max<int64_t>(static_cast<int64_t>((1 - p) * static_cast<double>(size)), 1);
}

void colout_image(LazyImage& image, absl::Span<const int64_t> rows,
                  absl::Span<const int64_t> columns) {
  const ImageView in = image.pixels();
  const MutableImageView out =
      image.replace(static_cast<int64_t>(rows.size()), static_cast<int64_t>(columns.size()));
  for (int64_t c = 0; c < out.channels; ++c) {
    for (int64_t y = 0; y < out.height; ++y) {
      const uint8_t* row = in.data + c * in.channel_stride + rows[y] * in.row_stride;
      uint8_t* made = out.data + c * out.channel_stride + y * out.row_stride;
      for (int64_t x = 0; x < out.width; ++x, made += out.column_stride) {
        *made = row[columns[x] * in.column_stride];
      }
    }
  }
}

absl::StatusOr<std::shared_ptr<ColOutTransform>> ColOutTransform::create(const Config& config) {
  return try_make<ColOutTransform>(config.p_row(), config.p_col());
}

ColOutTransform::ColOutTransform(double p_row, double p_col) : p_row_(p_row), p_col_(p_col) {
  for (const auto& [field, p] : {std::pair("p_row", p_row), {"p_col", p_col}}) {
    if (!(p >= 0 && p <= 1)) {
      throw_if_error(field_error(field, absl::StrCat("must be from 0 to 1, not ", p)));
    }
  }
}

void ColOutTransform::apply(LazyImage& image, CounterRandom& random) const {
  const auto rows = draw_in_order(image.height(), kept_by_colout(image.height(), p_row_), random);
  const auto columns = draw_in_order(image.width(), kept_by_colout(image.width(), p_col_), random);
  colout_image(image, rows, columns);
}

COMPOSER_REGISTER(ImageTransform, ColOutTransform);

}  // namespace composer
