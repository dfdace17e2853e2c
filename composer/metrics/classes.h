#pragma once

#include <ATen/core/Tensor.h>

namespace composer {

/// Whether `targets` are probabilities of classes, with the shape of `outputs` [batch, classes,
/// ...], rather than class indices [batch, ...]. Throws when they are neither.
bool has_class_probabilities(const at::Tensor& outputs, const at::Tensor& targets);

}  // namespace composer
