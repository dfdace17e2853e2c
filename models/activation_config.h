#pragma once

#include "models/activation.h"
#include "proto/model.pb.h"

namespace composer {

/// The activation that a config names.
inline Activation activation_of(config::Activation activation) {
  switch (activation) {
    case config::GELU:
      return Activation::kGelu;
    case config::GELU_NEW:
      return Activation::kGeluNew;
    case config::RELU:
      return Activation::kRelu;
    case config::SILU:
      return Activation::kSilu;
  }
  return Activation::kGelu;
}

}  // namespace composer
