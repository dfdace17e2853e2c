#pragma once

#include <torch/nn/module.h>

#include <memory>
#include <string>

namespace composer {

/// What stands between the two layers of a transformer's feed-forward part.
enum class Activation {
  kGelu,
  /// GELU by way of tanh, GPT-2's.
  kGeluNew,
  kRelu,
  kSilu,
};

/// The layer that computes it, without parameters.
std::shared_ptr<torch::nn::Module> make_activation(Activation activation);

/// What Hugging Face's configs call it: "gelu_new".
std::string huggingface_name(Activation activation);

}  // namespace composer
