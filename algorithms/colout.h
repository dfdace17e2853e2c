#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "composer/core/algorithm.h"
#include "composer/data/transforms/colout.h"

namespace composer {

namespace config {
class ColOut;
}

/// Which of `size` rows or columns stay when a part `p` of them is dropped: as many numbers as
/// kept_by_colout says, in order.
at::Tensor draw_kept(int64_t size, double p, const at::Generator& generator);

/// The given rows and columns of `images`, [..., height, width].
at::Tensor colout_batch(const at::Tensor& images, const at::Tensor& rows,
                        const at::Tensor& columns);

/// Whether targets lose what the input loses.
enum class ColOutTargets {
  /// Where they have its height and width.
  kAuto,
  kAlways,
  kNever,
};

struct ColOutOptions {
  /// The part of the rows, and of the columns, that is dropped.
  double p_row = 0.15;
  double p_col = 0.15;
  ColOutTargets resize_target = ColOutTargets::kAuto;
  /// The batch's tensors to act on; empty for Batch::input_name() and Batch::target_name().
  std::string input_key = {};
  std::string target_key = {};
  /// Drops the same rows and columns from all images of a batch; otherwise the images of a dataset
  /// lose rows and columns of their own, and targets stay: a ColOutTransform.
  bool batch = true;
};

/// Drops random rows and columns: images that are smaller, and so cheaper, and vary (MosaicML,
/// 2021, docs.mosaicml.com, the method card of ColOut).
///
/// after_dataloader replaces the input, and targets for each pixel; what follows, metrics of
/// training included, sees nothing else. Without `batch`, fit_start adds a ColOutTransform to the
/// training loader instead, once, as RandAugment does; input_key, target_key and a resize_target of
/// kAlways are refused then.
///
/// Differs from Composer: one row and one column always stay.
class ColOut final : public Algorithm {
 public:
  using Config = config::ColOut;
  static absl::StatusOr<std::unique_ptr<Algorithm>> create(const Config& config);

  explicit ColOut(ColOutOptions options = {});

  AlgorithmTraits traits() const override;
  bool match(Event event, const State& state) const override;
  void apply(Event event, State& state, Logger& logger) override;

 private:
  ColOutOptions options_;
  const std::shared_ptr<const ColOutTransform> transform_;
};

}  // namespace composer
