#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "algorithms/box.h"
#include "algorithms/pair_mixing.h"
#include "composer/core/algorithm.h"
#include "composer/core/tensor_dict.h"

namespace composer {

namespace config {
class CutMix;
}

/// A box of the image's proportions at a random place. Its area before it is cut off at the image's
/// sides is 1 - z of the image's, with z from Beta(alpha, alpha); empty when alpha is 0.
Box draw_cutmix_box(ImageSize image, double alpha, bool uniform_sampling,
                    const at::Generator& generator);

/// `images` with the box of each replaced by the same box of images[permutation]. The last two
/// dimensions are height and width; of any type. One copy of the images and one of the box.
at::Tensor cutmix_batch(const at::Tensor& images, const at::Tensor& permutation, const Box& box);

/// The targets of such images, whose `logits` are [N, C, ...]: weights for each class, mixed by the
/// area of the box; or, where targets have the images' height and width, cut as the images are.
at::Tensor cutmix_targets(const at::Tensor& logits, const at::Tensor& targets,
                          const at::Tensor& permutation, const Box& box, ImageSize image);

struct CutMixOptions {
  /// The part of the image that stays is drawn from Beta(alpha, alpha).
  double alpha = 1;
  /// Mixes the losses of both targets instead of the targets.
  bool interpolate_loss = false;
  /// Draws boxes such that all pixels are in them equally often, see draw_box.
  bool uniform_sampling = false;
  /// The batch's tensors to act on; empty for Batch::input_name() and Batch::target_name().
  std::string input_key = {};
  std::string target_key = {};
};

/// Which image's box each image gets, and the box.
struct CutMixDraw {
  at::Tensor permutation;
  Box box;
};

/// Trains on images of which a box is cut out and filled from another image of the batch, with the
/// targets mixed by area (Yun et al., 2019, arXiv:1905.04899). One box and one permutation for each
/// microbatch.
///
/// See PairMixing for what it does when. Targets of the images' height and width are cut
/// themselves, and their losses cannot be interpolated.
///
/// Cannot be combined, with `interpolate_loss`, with what computes a loss or replaces targets too.
///
/// Differs from Composer: what was cut is restored, and no tensor of the loader is written; a box
/// of odd sides has them (Composer's lacks a pixel); an alpha of 0 mixes nothing, where Composer
/// cuts a box as large as the image; mixed targets are made of what an algorithm before this one
/// has put there; losses of several terms are interpolated term by term.
class CutMix : public PairMixing {
 public:
  using Config = config::CutMix;
  static absl::StatusOr<std::unique_ptr<Algorithm>> create(const Config& config);

  explicit CutMix(CutMixOptions options = {});

  AlgorithmTraits traits() const override;

 protected:
  /// For a microbatch of `samples` images; on the CPU. A test puts the draws of another program
  /// here.
  virtual CutMixDraw draw(int64_t samples, ImageSize image, const at::Generator& generator);

 private:
  at::Tensor draw_and_mix(const at::Tensor& input, const at::Tensor& targets,
                          const at::Generator& generator) override;
  at::Tensor mix_targets(const at::Tensor& logits, const at::Tensor& targets) const override;
  const at::Tensor& permutation() const override { return draw_.permutation; }
  double weight() const override;

  const bool uniform_sampling_;
  // For this microbatch.
  CutMixDraw draw_;
  ImageSize image_;
};

}  // namespace composer
