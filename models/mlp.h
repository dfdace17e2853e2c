#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "composer/nn/layer_sequence.h"
#include "models/classifier.h"

namespace composer {

struct MlpOptions {
  /// Features of one sample after flattening.
  int64_t input_size = 0;
  /// Widths of the hidden layers; none makes a linear classifier.
  std::vector<int64_t> hidden_sizes = {};
  int64_t num_classes = 0;
};

/// A multi-layer perceptron with ReLU between its layers. Inputs are flattened.
///
/// Parameters are called as in
///
///   self.layers = nn.Sequential(nn.Linear(...), nn.ReLU(), nn.Linear(...))
///
/// of PyTorch ("layers.0.weight", "layers.2.weight", ...) and start as there.
class Mlp final : public Classifier {
 public:
  explicit Mlp(const MlpOptions& options);

  at::Tensor logits(const at::Tensor& input) override;

 private:
  std::shared_ptr<LayerSequence> layers_;
};

}  // namespace composer
