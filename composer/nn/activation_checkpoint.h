#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace composer {

/// The output of `layer`, a module that is a Layer, without what its backward needs: backward
/// computes the layer a second time and differentiates that (Chen et al., 2016, "Training Deep Nets
/// with Sublinear Memory Cost"). What stays in memory in between is the input, the state of the
/// random numbers, and a copy of the layer's buffers. Where no gradient is asked for it is just the
/// layer.
///
/// Gradients are those of the layer itself, bit for bit: the second time finds the random numbers,
/// autocast, the buffers and whether each module is in training as the first did, and leaves them
/// as backward found them, so that dropout draws the same and batch normalisation counts a batch
/// once. The gradients of the layer's trainable parameters flow through the graph that backward is
/// called on, so that their hooks run as always.
///
/// Throws c10::Error, here or from backward, for what cannot be computed twice: a layer that
/// changes its input in place, or that uses parameters which are not its own, parameters that were
/// changed in between, and a backward with create_graph.
at::Tensor checkpointed(const std::shared_ptr<torch::nn::Module>& layer, const at::Tensor& input);

/// From now on calls by `checkpointed` every Layer or MaskedLayer in a slot of `model` whose name,
/// such as "blocks.0", contains the regular expression `pattern` (ECMAScript); not those inside of
/// one that is called so already. Names of parameters stay, and so it does when the layer is
/// replaced. Returns the layers' names. InvalidArgument, with the names that there are, when it
/// finds none.
absl::StatusOr<std::vector<std::string>> checkpoint_activations(torch::nn::Module& model,
                                                                const std::string& pattern);

}  // namespace composer
