#include "models/activation.h"

#include <torch/nn/modules/activation.h>

#include "composer/nn/layer.h"

namespace composer {

std::shared_ptr<torch::nn::Module> make_activation(Activation activation) {
  switch (activation) {
    case Activation::kGelu:
      return make_layer<torch::nn::GELUImpl>();
    case Activation::kGeluNew:
      return make_layer<torch::nn::GELUImpl>(torch::nn::GELUOptions().approximate("tanh"));
    case Activation::kRelu:
      return make_layer<torch::nn::ReLUImpl>();
    case Activation::kSilu:
      break;
  }
  return make_layer<torch::nn::SiLUImpl>();
}

std::string huggingface_name(Activation activation) {
  switch (activation) {
    case Activation::kGelu:
      return "gelu";
    case Activation::kGeluNew:
      return "gelu_new";
    case Activation::kRelu:
      return "relu";
    case Activation::kSilu:
      break;
  }
  return "silu";
}

}  // namespace composer
