#include "models/mlp.h"

#include <torch/nn/modules/activation.h>

#include "composer/base/status.h"
#include "composer/core/registries.h"
#include "composer/nn/linear.h"
#include "models/checks.h"
#include "proto/model.pb.h"

namespace composer {

Mlp::Mlp(const MlpOptions& options)
    : Classifier(options.num_classes),
      layers_(register_module("layers", std::make_shared<LayerSequence>())) {
  int64_t features = options.input_size;
  for (const int64_t size : options.hidden_sizes) {
    layers_->push_back(make_layer<LinearImpl>(features, size));
    layers_->push_back(make_layer<torch::nn::ReLUImpl>());
    features = size;
  }
  layers_->push_back(make_layer<LinearImpl>(features, options.num_classes));
}

at::Tensor Mlp::logits(const at::Tensor& input) {
  return layers_->forward(input.dim() == 2 ? input : input.flatten(1));
}

namespace {

struct ConfiguredMlp {
  using Config = config::Mlp;

  static absl::StatusOr<std::shared_ptr<ComposerModel>> create(const Config& config) {
    COMPOSER_RETURN_IF_ERROR(check_positive("input_size", config.input_size()));
    COMPOSER_RETURN_IF_ERROR(check_positive("hidden_sizes", config.hidden_sizes()));
    COMPOSER_RETURN_IF_ERROR(check_positive("num_classes", config.num_classes()));
    return std::make_shared<Mlp>(
        MlpOptions{.input_size = config.input_size(),
                   .hidden_sizes = {config.hidden_sizes().begin(), config.hidden_sizes().end()},
                   .num_classes = config.num_classes()});
  }
};

COMPOSER_REGISTER(ComposerModel, ConfiguredMlp);

}  // namespace
}  // namespace composer
