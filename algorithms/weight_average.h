#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "composer/core/state_dict.h"

namespace torch::nn {
class Module;
}

namespace composer {

/// Moves each tensor of `averages` in place by the part `weight` of the way towards the one of
/// `weights` at the same index: averages <- averages + weight (weights - averages). Integers are
/// copied. One multi-tensor operation; those of `weights` in another floating type than their
/// average are converted first.
void lerp_weights(at::TensorList averages, at::TensorList weights, double weight);

/// A second set of a model's parameters and buffers, kept beside those that are trained, which can
/// take their place for a while. What ATen would round away in 16 bits is kept in float32.
///
/// Tensors of the model are looked up once, by name, and held until `forget_model`.
class WeightAverage {
 public:
  enum class Buffers {
    /// Of floating point: averaged as parameters are. Integers are copied.
    kAveraged,
    /// Copied with each update.
    kCopied,
  };

  explicit WeightAverage(Buffers buffers) : buffers_(buffers) {}

  /// True until `start`, or until a state that was not empty is loaded.
  bool empty() const { return names_.empty(); }

  /// The average becomes a copy of the model's weights.
  void start(const torch::nn::Module& model);

  /// Goes the part `weight` of the way to the model's weights. Where `failed`, a flag on another
  /// device as a StepCheck has it, is 1, buffers are left out: they are of a step that does not
  /// count. Throws a ValueError when a state was loaded that is not of this model.
  void update(const torch::nn::Module& model, double weight, const at::Tensor& failed = {});

  /// Copies the average into the model, whose weights are kept until `swap_out` puts them back.
  void swap_in(const torch::nn::Module& model);
  void swap_out(const torch::nn::Module& model);
  bool is_in_model() const { return !trained_.empty(); }

  /// Copies the average into the model for good.
  void copy_to(const torch::nn::Module& model);

  /// Looks its tensors up again.
  void forget_model() { model_.clear(); }

  StateDict state_dict() const;
  absl::Status load_state_dict(const StateDict& state);

 private:
  void look_up(const torch::nn::Module& model);

  Buffers buffers_;
  std::vector<std::string> names_;
  std::vector<at::Tensor> averages_;
  // The model's weights while the average is in it.
  std::vector<at::Tensor> trained_;
  // The model's tensors, in the order of the names; parameters first.
  std::vector<at::Tensor> model_;
  size_t num_parameters_ = 0;
};

}  // namespace composer
