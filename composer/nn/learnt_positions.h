#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <c10/util/Exception.h>

#include <cstdint>

#include "composer/nn/layer.h"
#include "composer/nn/slot.h"

namespace composer {

/// Mixed into a module that adds to each token's embedding one of its position, so that methods
/// which say otherwise where a token is (ALiBi) find it, can take it away, and can let sequences
/// become longer.
class LearntPositions {
 public:
  virtual ~LearntPositions() = default;

  /// The slot of the embedding, a torch::nn::Embedding [max_positions, width] unless it was
  /// replaced. It is called with the positions [sequence] and gives [sequence, width].
  virtual Slot<Layer>& position_embedding() = 0;

  /// Longer sequences are refused.
  int64_t max_positions() const { return max_positions_; }
  /// To be called with an embedding in the slot that has as many positions.
  void set_max_positions(int64_t positions) { max_positions_ = positions; }

 protected:
  explicit LearntPositions(int64_t max_positions) : max_positions_(max_positions) {}

  /// The positions of `tokens`, [batch, sequence]; throws a ValueError when these are too many.
  at::Tensor positions_of(const at::Tensor& tokens) const {
    TORCH_CHECK_VALUE(tokens.dim() == 2, "tokens are [batch, sequence], not ", tokens.sizes());
    TORCH_CHECK_VALUE(tokens.size(1) <= max_positions_, "sequences of ", tokens.size(1),
                      " tokens are longer than the model's ", max_positions_, " positions");
    return at::arange(tokens.size(1), tokens.options());
  }

 private:
  int64_t max_positions_;
};

}  // namespace composer
